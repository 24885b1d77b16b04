use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dewar::store::{
    Created, Cursor, Deleted, Expiry, Key, Listing, Observation, Replaced, Sharing, Store, Touched,
    Verdict, Version,
};
use dewar::{OsRandom, Result, SessionId, UnixTime};

use super::Finding;
use super::finding::short;
use crate::exit::Failure;
use crate::stores::Opened;
use crate::text::shell_word;

/// Runs a session's whole life under a scratch key, and looks at what is around it.
pub(super) async fn examine(
    place: &Opened,
    prefix: &str,
    quick: bool,
    findings: &mut Vec<Finding>,
) {
    let store = &*place.store;
    let key = match SessionId::generate(&OsRandom, 32) {
        Ok(id) => Key::new(format!("{prefix}{}", id.expose())),
        Err(error) => return findings.push(Finding::of_failure("random", error.into())),
    };
    let life = life(store, &key, findings).await;
    // Whatever happened, nothing stays behind.
    let removed = store.delete(&key).await;
    if let Err(error) = life.and(removed) {
        let temporary = error.is_temporary();
        let finding = Finding::of_failure("store", Failure::from(error));
        findings.push(finding.or_fix(match (temporary, store.capabilities().sharing) {
            (true, Sharing::Network) => "put right what the message says of the server, or of the way to it, then run this again",
            (true, _) => "is there room on the disk, may this user write there, and does another process keep the file locked? Then run this again",
            (false, Sharing::Network) => "the message says what the store refused; the settings of its connection are the first to compare",
            (false, _) => "the message says what was refused; put that right, then run this again",
        }));
        return;
    }
    latency(store, &key, findings).await;
    server(store, findings).await;
    if !quick {
        expiry(store, &key, findings).await;
    }
    around(place, prefix, findings).await;
}

/// Create, load, replace, conflict, touch, delete; each answer is compared with what the contract says.
async fn life(store: &dyn Store, key: &Key, findings: &mut Vec<Finding>) -> Result<()> {
    let soon = || UnixTime::now() + Duration::from_secs(60);
    let (first, second) = (
        Bytes::from_static(b"\x81\xa8examined\xc2"),
        Bytes::from_static(b"\x81\xa8examined\xc3"),
    );
    let mut expect = |check, right: bool, message: &str| {
        findings.push(match right {
            true => Finding::good(check, message),
            false => Finding::bad(check, format!("not so: {message}")).fix(
                "is this the store that is meant, and does nothing else answer at its address?",
            ),
        });
    };
    let created = store.create(key, first.clone(), soon()).await?;
    expect(
        "create",
        matches!(created, Created::Done(_)),
        "a session is created",
    );
    let taken = store.create(key, second.clone(), soon()).await?;
    expect(
        "create",
        taken == Created::Taken,
        "a session that is there is not overwritten",
    );

    let seen = store.load(key).await?;
    let whole = seen.as_ref().is_some_and(|record| record.blob == first);
    expect("load", whole, "it is read back as it was written");
    let Some(seen) = seen.map(|record| record.version) else {
        return Ok(());
    };
    let replaced = store.replace(key, second.clone(), soon(), &seen).await?;
    expect(
        "replace",
        matches!(replaced, Replaced::Done(_)),
        "it is replaced",
    );
    let conflict = store.replace(key, first, soon(), &seen).await?;
    expect(
        "conflict",
        conflict == Replaced::Conflict,
        "a write that did not see the last one is noticed",
    );
    let touched = store.touch(key, soon()).await?;
    expect("touch", touched == Touched::Done, "its expiry is moved");

    let now: Option<Version> = store.load(key).await?.map(|record| record.version);
    let deleted = match &now {
        Some(version) => store.delete_unchanged(key, version).await? == Deleted::Done,
        None => false,
    };
    expect(
        "delete",
        deleted && store.load(key).await?.is_none(),
        "it is deleted",
    );
    let revived = store.touch(key, soon()).await? == Touched::Done
        || matches!(
            store.replace(key, second, soon(), &seen).await?,
            Replaced::Done(_)
        );
    expect("delete", !revived, "a deleted session stays deleted");
    Ok(())
}

/// What the server says of itself.
async fn server(store: &dyn Store, findings: &mut Vec<Finding>) {
    let observations = match store.diagnose().await {
        Ok(observations) => observations,
        Err(error) => {
            let finding = Finding::of_failure("server", error.into());
            return findings.push(finding.doubted());
        }
    };
    for Observation {
        about,
        verdict,
        what,
        fix,
        ..
    } in observations
    {
        let finding = match verdict {
            Verdict::Good => Finding::good(about, what),
            Verdict::Doubtful => Finding::doubtful(about, what),
            Verdict::Bad => Finding::bad(about, what),
        };
        findings.push(match fix {
            Some(fix) => finding.fix(fix),
            None => finding,
        });
    }
}

/// How long a load takes: it is a part of every request.
async fn latency(store: &dyn Store, key: &Key, findings: &mut Vec<Finding>) {
    const ROUNDS: usize = 21;
    const SLOW: Duration = Duration::from_millis(20);
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        if store.load(key).await.is_err() {
            return findings.push(
                Finding::bad("latency", "a load failed that had worked before")
                    .fix("run this again; look at the server's log"),
            );
        }
        times.push(start.elapsed());
    }
    times.sort();
    let (median, worst) = (times[ROUNDS / 2], times[ROUNDS - 1]);
    findings.push(if median > SLOW {
        Finding::doubtful(
            "latency",
            format!(
                "a load takes {} (at worst {}), a part of every request",
                short(median),
                short(worst)
            ),
        )
        .fix("bring the store nearer to the application, or find out what slows it down")
    } else {
        Finding::good(
            "latency",
            format!("a load takes {}, at worst {}", short(median), short(worst)),
        )
    });
}

/// Whether a session lives as long as it should and no longer: it does not if a clock is wrong.
async fn expiry(store: &dyn Store, key: &Key, findings: &mut Vec<Finding>) {
    const LIFE: Duration = Duration::from_secs(2);
    // A store may round the expiry up to a whole second, and be busy. No session is lost by a clock that is behind by so little.
    const LOOKS: u32 = 15;
    const PAUSE: Duration = Duration::from_millis(200);
    let blob = Bytes::from_static(b"\x80");
    let made = store.create(key, blob, UnixTime::now() + LIFE).await;
    let lives = matches!(store.load(key).await, Ok(Some(_)));
    tokio::time::sleep(LIFE).await;
    let mut ended = false;
    for _ in 0..LOOKS {
        tokio::time::sleep(PAUSE).await;
        ended = matches!(store.load(key).await, Ok(None));
        if ended {
            break;
        }
    }
    // One that does not end by itself must not stay behind.
    let removed = store.delete(key).await;
    findings.push(match (made, lives, ended, removed) {
        (Ok(Created::Done(_)), true, true, Ok(())) => Finding::good("expiry", "a session of two seconds lived, and ended by itself"),
        (Ok(Created::Done(_)), false, _, _) => Finding::bad("expiry", "a session of two seconds had ended at once: the store's clock is ahead of this one")
            .fix("compare the clocks of both machines; run a time service on both"),
        (Ok(Created::Done(_)), true, false, _) => Finding::bad("expiry", "a session of two seconds was still there after five: the store's clock is behind this one")
            .fix("compare the clocks of both machines; run a time service on both"),
        _ => Finding::bad("expiry", "a session could not be created that could before").fix("run this again; look at the server's log"),
    });
}

/// What the store is by its own account.
async fn around(place: &Opened, prefix: &str, findings: &mut Vec<Finding>) {
    let capabilities = place.store.capabilities();
    findings.push(match capabilities.sharing {
        Sharing::Process => Finding::doubtful("sharing", "sessions are seen by this process alone")
            .fix("with several workers, choose a store that they share"),
        Sharing::Machine => Finding::good(
            "sharing",
            "the processes of this machine share the sessions; other machines do not",
        ),
        Sharing::Network => Finding::good(
            "sharing",
            "all machines that reach the server share the sessions",
        ),
    });
    let cleanup = match capabilities.expiry {
        Expiry::Native => "the server removes expired sessions by itself",
        Expiry::Purged => {
            "expired sessions are removed by SESSION_CLEANUP_N_REQUESTS or dewar sessions purge"
        }
    };
    // A server that was asked knows better.
    if findings.iter().all(|finding| finding.check != "cleanup") {
        findings.push(Finding::good("cleanup", cleanup));
    }
    if capabilities.listing == Listing::Supported {
        findings.push(match place.store.list(prefix, Cursor::start(), 10).await {
            Ok(_) => Finding::good("list", "sessions can be listed"),
            Err(error) => Finding::of_failure("list", error.into())
                .fix("the application does not need this; dewar sessions does"),
        });
    }
}

/// Whether other users of the machine reach the folder.
pub(super) fn permissions(folder: &Path, findings: &mut Vec<Finding>) {
    let Some(metadata) = std::fs::metadata(folder).ok().filter(Metadata::is_dir) else {
        return;
    };
    let mode = metadata.mode() & 0o777;
    let name = folder.display();
    if mode & 0o022 != 0 {
        findings.push(
            Finding::bad(
                "folder",
                format!(
                    "other users can write into {name} (mode {mode:04o}): they can make and delete sessions"
                ),
            )
            .fix(format!("chmod 700 {}", shell_word(name))),
        );
    } else {
        findings.push(Finding::good(
            "folder",
            format!("{name} has mode {mode:04o}"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dewar::clock::ManualClock;
    use dewar::store::memory::MemoryStore;

    use super::super::finding::Verdict;
    use super::*;

    /// What is found of a store whose clock stands still at `now`.
    async fn found(now: UnixTime) -> (Verdict, String) {
        let store = MemoryStore::new(10, Arc::new(ManualClock::new(now)));
        let mut findings = Vec::new();
        expiry(&store, &Key::new("examined"), &mut findings).await;
        assert_eq!(store.count(), 0);
        let finding = findings.remove(0);
        (finding.verdict, finding.message)
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_wrong_is_told() {
        let (verdict, message) = found(UnixTime::now()).await;
        assert_eq!(verdict, Verdict::Bad);
        assert!(
            message.ends_with("the store's clock is behind this one"),
            "{message}"
        );
        let (verdict, message) = found(UnixTime::now() + Duration::from_secs(60)).await;
        assert_eq!(verdict, Verdict::Bad);
        assert!(
            message.ends_with("the store's clock is ahead of this one"),
            "{message}"
        );
    }
}
