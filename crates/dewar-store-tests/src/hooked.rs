use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Key, Observation, Page, Purged, Record, Replaced,
    Store, Touched, Version,
};
use dewar::{Result, UnixTime};

/// A call that is on its way to a store.
#[derive(Debug)]
pub struct Call<'c> {
    /// The method of the contract, as [`Store`] names it; `load` with the expiry or without.
    pub method: &'static str,
    /// Whose record it is; `None` for calls that are about many.
    pub key: Option<&'c Key>,
    /// The record to be written.
    pub blob: Option<Bytes>,
    /// When the record will expire.
    pub expires: Option<UnixTime>,
}

/// What happens around each call of a [`HookedStore`].
#[async_trait]
pub trait Hook: Debug + Send + Sync + 'static {
    /// Before the store is called. With an error it is not, and that is the caller's answer.
    async fn before(&self, call: &Call<'_>) -> Result<()> {
        let _ = call;
        Ok(())
    }

    /// After the store has done its work. With an error its answer is lost, and that is the caller's.
    async fn after(&self, call: &Call<'_>, answer: &(dyn Debug + Sync)) -> Result<()> {
        let _ = (call, answer);
        Ok(())
    }

    /// Whether a load tells when the record expires: to a caller who wants to know, or to one who does without
    /// ([`Store::load_without_expiry`]).
    fn tells_expiry(&self, wanted: bool) -> bool {
        let _ = wanted;
        true
    }

    /// In place of the wait before a write is tried again. Others go first, unless the hook says otherwise.
    async fn pause(&self, time: Duration) {
        let _ = time;
        tokio::task::yield_now().await;
    }
}

/// A store for tests of what uses stores: one that is slow, fails, loses its answers or is written to by others, as its
/// [`Hook`] makes it.
///
/// ```
/// use std::sync::Arc;
/// use dewar::clock::SystemClock;
/// use dewar::store::memory::MemoryStore;
/// use dewar::store::{Key, Store};
/// use dewar::{Error, ErrorKind, Result};
/// use dewar_store_tests::{Call, Hook, HookedStore};
///
/// #[derive(Debug)]
/// struct ReadOnly;
///
/// #[async_trait::async_trait]
/// impl Hook for ReadOnly {
///     async fn before(&self, call: &Call<'_>) -> Result<()> {
///         match call.blob {
///             Some(_) => Err(Error::new(ErrorKind::Store, "read only")),
///             None => Ok(()),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let memory = MemoryStore::new(100, Arc::new(SystemClock));
/// let store = HookedStore::new(memory, Arc::new(ReadOnly));
/// let key = Key::new("session:a");
/// assert!(store.load(&key).await.unwrap().is_none());
/// assert!(store.create(&key, "{}".into(), dewar::UnixTime::now()).await.is_err());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HookedStore<S> {
    store: S,
    hook: Arc<dyn Hook>,
}

impl<S: Store> HookedStore<S> {
    /// A store that calls this hook around each call of `store`.
    pub fn new(store: S, hook: Arc<dyn Hook>) -> HookedStore<S> {
        HookedStore { store, hook }
    }

    async fn around<T: Debug + Sync>(
        &self,
        call: Call<'_>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.hook.before(&call).await?;
        let answer = work.await?;
        self.hook.after(&call, &answer).await?;
        Ok(answer)
    }

    fn told(&self, found: Option<Record>, wanted: bool) -> Option<Record> {
        let tells = self.hook.tells_expiry(wanted);
        found.map(|record| Record {
            expires: record.expires.filter(|_| tells),
            ..record
        })
    }
}

impl<'c> Call<'c> {
    fn about(method: &'static str, key: &'c Key) -> Call<'c> {
        Call {
            key: Some(key),
            ..Call::of_many(method)
        }
    }

    fn of_many(method: &'static str) -> Call<'c> {
        Call {
            method,
            key: None,
            blob: None,
            expires: None,
        }
    }

    fn writing(self, blob: &Bytes, expires: UnixTime) -> Call<'c> {
        Call {
            blob: Some(blob.clone()),
            expires: Some(expires),
            ..self
        }
    }
}

#[async_trait]
impl<S: Store> Store for HookedStore<S> {
    async fn load(&self, key: &Key) -> Result<Option<Record>> {
        let call = Call::about("load", key);
        let found = self.around(call, self.store.load(key)).await?;
        Ok(self.told(found, true))
    }

    async fn load_without_expiry(&self, key: &Key) -> Result<Option<Record>> {
        let call = Call::about("load", key);
        let found = self
            .around(call, self.store.load_without_expiry(key))
            .await?;
        Ok(self.told(found, false))
    }

    async fn create(&self, key: &Key, blob: Bytes, expires: UnixTime) -> Result<Created> {
        let call = Call::about("create", key).writing(&blob, expires);
        self.around(call, self.store.create(key, blob, expires))
            .await
    }

    async fn replace(
        &self,
        key: &Key,
        blob: Bytes,
        expires: UnixTime,
        seen: &Version,
    ) -> Result<Replaced> {
        let call = Call::about("replace", key).writing(&blob, expires);
        self.around(call, self.store.replace(key, blob, expires, seen))
            .await
    }

    async fn touch(&self, key: &Key, expires: UnixTime) -> Result<Touched> {
        let call = Call {
            expires: Some(expires),
            ..Call::about("touch", key)
        };
        self.around(call, self.store.touch(key, expires)).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let call = Call::about("delete", key);
        self.around(call, self.store.delete(key)).await
    }

    async fn delete_unchanged(&self, key: &Key, seen: &Version) -> Result<Deleted> {
        let call = Call::about("delete_unchanged", key);
        self.around(call, self.store.delete_unchanged(key, seen))
            .await
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<Purged> {
        let call = Call::of_many("delete_expired");
        self.around(call, self.store.delete_expired(now, limit))
            .await
    }

    async fn list(&self, prefix: &str, cursor: Cursor, limit: usize) -> Result<Option<Page>> {
        let call = Call::of_many("list");
        self.around(call, self.store.list(prefix, cursor, limit))
            .await
    }

    async fn diagnose(&self) -> Result<Vec<Observation>> {
        self.around(Call::of_many("diagnose"), self.store.diagnose())
            .await
    }

    async fn pause(&self, time: Duration) {
        self.hook.pause(time).await;
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}
