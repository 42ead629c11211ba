//! Load over time: a tide of users, written as a function of the time.
//!
//! `shape --headless` follows the shape below to its end; `shape --headless --shape 20,2s;0,2s`
//! follows that plan instead; `-t 1s` ends either earlier. Ready-made shapes are in
//! `hatchery::shape`.

use hatchery::{LoadTestShape, Tick, prelude::*};
use std::{f64::consts::PI, process::ExitCode, time::Duration};

struct Visitor {
    client: HttpSession,
}

impl User for Visitor {
    const WAIT: Wait = constant_throughput(20.0);

    fn new(spawn: &Spawn<'_>) -> Self {
        Visitor { client: HttpSession::new(spawn) }
    }
}

#[tasks]
impl Visitor {
    #[task]
    async fn index(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.get("/").await;
        Ok(())
    }
}

/// Users come and go as half a sine. Asked once a second; `None` ends the test.
struct Tide {
    high_water: u32,
    period: Duration,
}

impl LoadTestShape for Tide {
    fn tick(&mut self, run_time: Duration, _user_count: u32) -> Option<Tick> {
        if run_time >= self.period {
            return None;
        }
        let phase = run_time.as_secs_f64() / self.period.as_secs_f64();
        let user_count = (f64::from(self.high_water) * (phase * PI).sin()).round() as u32 + 1;
        Some(Tick::new(user_count, f64::from(self.high_water)))
    }
}

fn main() -> ExitCode {
    let tide = Tide { high_water: 40, period: Duration::from_secs(20) };
    Program::new().user::<Visitor>().shape(tide).embedded_target().main()
}
