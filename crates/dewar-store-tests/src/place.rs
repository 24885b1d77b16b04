use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use dewar::UnixTime;
use dewar::clock::{Clock, ManualClock};
use dewar::store::{Key, Store};

/// How long a record lives that expires in a case.
const SOON: Duration = Duration::from_secs(1);

/// No record is there so long after it has expired, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sets up the store to be tested, once for each case.
#[async_trait]
pub trait StoreFactory: Send + Sync + 'static {
    /// A place of the store's own for one case, with nothing in it: a new folder, table or database number.
    async fn set_up(&self) -> SetUp;

    /// Opens what [`Place::at`] named, in another process, with the system's clock.
    ///
    /// Needed only for a store that several processes share.
    async fn open(&self, address: &str) -> Arc<dyn Store> {
        panic!("this store's factory cannot open {address}: write StoreFactory::open for it")
    }
}

/// What [`StoreFactory::set_up`] found.
#[derive(Debug)]
pub enum SetUp {
    /// The store is there.
    Ready(Place),
    /// The store's server is not there; why, and what would change that.
    Absent(String),
}

/// How a case makes time pass.
#[derive(Clone, Debug)]
pub enum Time {
    /// The store's clock stands still until it is moved. It must start near the present.
    Manual(Arc<ManualClock>),
    /// The store's server has its own clock: cases wait.
    Real,
}

/// An empty store for one case: two handles of it, and how time passes there.
pub struct Place {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) other: Arc<dyn Store>,
    pub(crate) time: Time,
    pub(crate) address: Option<String>,
    pub(crate) largest: usize,
    namespace: String,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl Place {
    /// A place with two handles, as independent of one another as the store allows (two connections, two
    /// objects on one folder).
    pub fn new(store: Arc<dyn Store>, other: Arc<dyn Store>, time: Time) -> Place {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let unique = since.unwrap_or_default().as_nanos();
        Place {
            store,
            other,
            time,
            address: None,
            largest: usize::MAX,
            namespace: format!("t{unique:x}"),
            kept: Vec::new(),
        }
    }

    /// Where another process finds the same records ([`StoreFactory::open`]).
    #[must_use]
    pub fn at(mut self, address: impl Into<String>) -> Place {
        self.address = Some(address.into());
        self
    }

    /// The size in bytes of the largest data that the store takes, where that is below a megabyte.
    #[must_use]
    pub fn with_largest(mut self, bytes: usize) -> Place {
        self.largest = bytes;
        self
    }

    /// Keeps something until the case has ended: a temporary folder, a guard that drops a table.
    #[must_use]
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Place {
        self.kept.push(Box::new(kept));
        self
    }

    /// A key that no other case uses.
    pub(crate) fn key(&self, name: &str) -> Key {
        Key::new(format!("{}:{name}", self.namespace))
    }

    /// What every key of this place starts with.
    pub(crate) fn prefix(&self) -> String {
        format!("{}:", self.namespace)
    }

    pub(crate) fn now(&self) -> UnixTime {
        match &self.time {
            Time::Manual(clock) => clock.now(),
            Time::Real => UnixTime::now(),
        }
    }

    /// An expiry that no case reaches.
    pub(crate) fn later(&self) -> UnixTime {
        self.now() + Duration::from_secs(3600)
    }

    /// An expiry that [`Place::pass_soon`] reaches.
    ///
    /// On a server with a clock of its own it may be over as soon as it is written: see [`Place::in_time`].
    pub(crate) fn soon(&self) -> UnixTime {
        self.now() + SOON
    }

    /// Lets pass what it takes for [`Place::soon`] to have passed, to the coarsest grain of the contract.
    pub(crate) async fn pass_soon(&self) {
        self.pass_life(SOON).await;
    }

    /// Lets pass what it takes for this life of a record to have passed, to the coarsest grain of the contract.
    pub(crate) async fn pass_life(&self, life: Duration) {
        self.pass(life + Duration::from_millis(1_100)).await;
    }

    /// Waits until a record is gone whose expiry has passed: a busy server's clock may tick late.
    pub(crate) async fn must_go(&self, key: &Key) {
        let begin = Instant::now();
        while let Time::Real = self.time
            && self.store.load(key).await.expect("load").is_some()
        {
            assert!(begin.elapsed() < PATIENCE, "the record does not expire");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Does something with records that live until then, which must be done before they expire; what it gives, and how long
    /// they live.
    ///
    /// The work is told what the names of its keys begin with. It gives `None` if a record was not as it should be: as long as
    /// that may be because its time was over, which a slow machine can bring about, it is done again with more time.
    pub(crate) async fn in_time<T, F>(
        &self,
        work: impl Fn(&'static str, UnixTime) -> F,
    ) -> (T, Duration)
    where
        F: Future<Output = Option<T>>,
    {
        let mut life = SOON;
        for name in ["first", "second", "third", "fourth", "fifth"] {
            let expires = self.now() + life;
            if let Some(done) = work(name, expires).await {
                return (done, life);
            }
            assert!(self.now() >= expires, "a record is not as it should be");
            life *= 3;
        }
        panic!("the store is too slow: not even {life:?} are enough")
    }

    pub(crate) async fn pass(&self, duration: Duration) {
        match &self.time {
            Time::Manual(clock) => clock.advance(duration),
            Time::Real => tokio::time::sleep(duration).await,
        }
    }
}

impl Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("store", &self.store)
            .field("time", &self.time)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
