//! What Dewar decided lately, for each browser: bounded, and without any cookie's value.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use dewar::engine::Reply;
use dewar::plan::Decision;
use dewar::{OsRandom, SessionId, UnixTime, cookie};

use crate::store::Store;

/// The cookie by which the journal knows a browser. It has nothing to do with the sessions.
const BROWSER: &str = "browser";
/// The most browsers that are remembered.
const BROWSERS: usize = 256;
/// The most requests that are remembered for a browser in one shop.
const REQUESTS: usize = 6;

/// What the journal remembers; clones are the same journal.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Browsers>>);

#[derive(Default)]
struct Browsers {
    pages: HashMap<(SessionId, Store), Page>,
    /// Oldest first.
    arrivals: VecDeque<SessionId>,
}

/// A browser's latest requests to one shop.
#[derive(Clone, Default)]
pub struct Page {
    /// Latest first.
    pub requests: VecDeque<Entry>,
    /// The attributes of the last `Set-Cookie` of the session, and which request it answered.
    pub set_cookie: Option<SetCookie>,
}

/// A request, and what became of the session at its end.
#[derive(Clone)]
pub struct Entry {
    pub method: Method,
    /// Without the shop's own path before it.
    pub path: String,
    pub status: StatusCode,
    pub at: UnixTime,
    pub took: Duration,
    /// `None` if the session was not opened.
    pub decision: Option<Decision>,
    /// How often the changes were merged with those of other requests.
    pub merges: u32,
}

/// A `Set-Cookie` header without the cookie's value.
#[derive(Clone)]
pub struct SetCookie {
    pub request: String,
    pub at: UnixTime,
    pub attributes: Vec<String>,
}

/// A shop's view of the journal.
#[derive(Clone)]
pub struct Recorder {
    pub journal: Journal,
    pub store: Store,
    pub cookie_name: String,
}

/// Middleware around the session's layer: shows the handler the browser's page, and adds to it when the request is done.
pub async fn record(
    State(recorder): State<Recorder>,
    mut request: Request,
    next: Next,
) -> Response {
    let at = UnixTime::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let known = recorder.journal.known(request.headers());
    let page = known
        .as_ref()
        .map(|browser| recorder.journal.page(browser, recorder.store));
    request.extensions_mut().insert(page.unwrap_or_default());

    let mut response = next.run(request).await;

    let browser = match known.map_or_else(|| recorder.journal.welcome(), Ok) {
        Ok(browser) => browser,
        // Without random numbers there is no journal; the shop goes on.
        Err(_) => return response,
    };
    let reply = response.extensions().get();
    let entry = Entry {
        method,
        path,
        status: response.status(),
        at,
        took: UnixTime::now().since(at),
        decision: reply.map(Reply::decision),
        merges: reply.map_or(0, Reply::merges),
    };
    let set_cookie = recorder.set_cookie(response.headers(), &entry);
    recorder
        .journal
        .add(&browser, recorder.store, entry, set_cookie);
    if let Ok(cookie) = HeaderValue::try_from(format!(
        "{BROWSER}={}; Path=/; HttpOnly; SameSite=Lax",
        browser.expose()
    )) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

impl Recorder {
    fn set_cookie(&self, headers: &HeaderMap, entry: &Entry) -> Option<SetCookie> {
        headers.get_all(SET_COOKIE).iter().find_map(|value| {
            let mut parts = value.to_str().ok()?.split("; ");
            let (name, _) = parts.next()?.split_once('=')?;
            (name == self.cookie_name).then(|| SetCookie {
                request: format!("{} {}", entry.method, entry.path),
                at: entry.at,
                attributes: parts.map(str::to_owned).collect(),
            })
        })
    }
}

impl Journal {
    /// The browser that sends these headers, if the journal gave it its id.
    fn known(&self, headers: &HeaderMap) -> Option<SessionId> {
        let id = headers.get_all(COOKIE).iter().find_map(|header| {
            let value = cookie::find(header.as_bytes(), BROWSER)?;
            SessionId::parse(std::str::from_utf8(&value).ok()?)
        })?;
        self.lock().arrivals.contains(&id).then_some(id)
    }

    /// Gives a new browser its id, and forgets the oldest one if there are too many.
    fn welcome(&self) -> dewar::Result<SessionId> {
        let id = SessionId::generate(&OsRandom, 16)?;
        let mut browsers = self.lock();
        if browsers.arrivals.len() >= BROWSERS
            && let Some(oldest) = browsers.arrivals.pop_front()
        {
            browsers.pages.retain(|(browser, _), _| *browser != oldest);
        }
        browsers.arrivals.push_back(id.clone());
        Ok(id)
    }

    fn page(&self, browser: &SessionId, store: Store) -> Page {
        self.lock()
            .pages
            .get(&(browser.clone(), store))
            .cloned()
            .unwrap_or_default()
    }

    fn add(&self, browser: &SessionId, store: Store, entry: Entry, set_cookie: Option<SetCookie>) {
        let mut browsers = self.lock();
        // It may have been forgotten while a slow request ran.
        if !browsers.arrivals.contains(browser) {
            return;
        }
        let page = browsers.pages.entry((browser.clone(), store)).or_default();
        page.requests.push_front(entry);
        page.requests.truncate(REQUESTS);
        if set_cookie.is_some() {
            page.set_cookie = set_cookie;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Browsers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
