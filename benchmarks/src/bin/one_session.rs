//! One session in this process, asked for in turn with the peers in `one_session`, by `benchmarks/run one-session`.
//!
//! It says which tasks it has, then reads lines from the standard input: a task's number and how often; the answer is the
//! CPU time in seconds. With a task and a number as arguments, it does that, to be counted or profiled:
//!
//! ```sh
//! one_session 'cookie: open and save/150 bytes/Dewar' 1000
//! ```

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Duration;

use dewar_benchmarks::{SIZES, Task, session, tasks};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut tasks = tasks()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => in_turn(&mut tasks),
        [name, times] => {
            let named =
                |task: &&mut Task| format!("{}/{}/{}", task.what, task.size, task.who) == *name;
            let task = tasks
                .iter_mut()
                .find(named)
                .ok_or_else(|| format!("there is no task {name}"))?;
            repeated(task, times.parse()?);
            Ok(())
        }
        _ => Err("one_session [WHAT/SIZE/WHO TIMES]".into()),
    }
}

fn in_turn(tasks: &mut [Task]) -> Result<(), Box<dyn Error>> {
    let sessions: Map<String, Value> = SIZES
        .iter()
        .map(|(label, size)| ((*label).to_owned(), session(*size).into()))
        .collect();
    let named: Vec<Value> = tasks
        .iter()
        .map(|task| json!([task.what, task.size, task.who]))
        .collect();
    println!("{}", json!({"sessions": sessions, "tasks": named}));
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (task, times) = line.split_once(' ').ok_or("a task and how often")?;
        let task = tasks
            .get_mut(task.parse::<usize>()?)
            .ok_or("no such task")?;
        let before = cpu();
        repeated(task, times.parse()?);
        println!("{}", (cpu() - before).as_secs_f64());
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// What `scripts/instructions` counts: by this name it tells it from what comes before and after.
#[inline(never)]
fn repeated(task: &mut Task, times: u32) {
    for _ in 0..times {
        (task.work)();
    }
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
