//! Sets within sets: a forum whose visitors stay in a thread for a while.
//!
//! `nested --headless -u 20 -r 20 -t 5s` loads the embedded target.

use hatchery::prelude::*;
use std::process::ExitCode;

/// Comes with a wait between tasks, which the sets below share unless they have their own.
struct Visitor {
    client: HttpSession,
    n_read: u32,
}

impl User for Visitor {
    const WAIT: Wait = between(0.02, 0.1);

    fn new(spawn: &Spawn<'_>) -> Self {
        Visitor { client: HttpSession::new(spawn), n_read: 0 }
    }
}

#[tasks]
#[nested(Forum, weight = 3, tags = ["forum"])]
impl Visitor {
    #[task]
    async fn front_page(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.get("/").await;
        Ok(())
    }
}

/// Made anew each time it is entered; `cx.parent()` is the visitor.
struct Forum {
    n_pages: u32,
}

impl TaskSet for Forum {
    fn new(_: &mut Visitor) -> Self {
        Forum { n_pages: 0 }
    }

    async fn on_start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.user().client.get("/bytes/100").name("/forum").await;
        Ok(())
    }
}

#[tasks(parent = Visitor)]
#[nested(Thread, weight = 2)]
impl Forum {
    #[task]
    async fn next_page(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.n_pages += 1;
        if self.n_pages > 3 {
            // Back to the visitor, which chooses its next task at once.
            return cx.interrupt();
        }
        cx.user().client.get("/bytes/200").name("/forum?page=[n]").await;
        Ok(())
    }
}

/// Two levels down, with a wait of its own: reading takes longer than clicking.
struct Thread;

impl TaskSet for Thread {
    const WAIT: Option<Wait> = Some(constant(0.05));

    fn new(_: &mut Forum) -> Self {
        Thread
    }

    async fn on_stop(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        // Runs on every way out: the interrupt below, or the end of the test.
        let visitor = cx.user();
        visitor.n_read += 1;
        Ok(())
    }
}

#[tasks(parent = Forum)]
impl Thread {
    #[task(5)]
    async fn read(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.user().client.get("/bytes/2000").name("/thread/[id]").await;
        Ok(())
    }

    #[task(tags = ["write"])]
    async fn reply(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.user().client.post("/echo").name("/thread/[id]/reply").body("me too").await;
        // Back to the forum, which waits as between two of its tasks first.
        cx.interrupt_and_wait()
    }
}

fn main() -> ExitCode {
    Program::new().user::<Visitor>().embedded_target().main()
}
