//! The thread that resolves names, so that a slow name server never stops a core.

use crossbeam_channel::{Receiver, Sender, unbounded};
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    thread,
};

/// The answer to one question.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The name asked for.
    pub name: Arc<str>,
    /// Its addresses in the system's order, or why there are none.
    pub result: Result<Vec<IpAddr>, String>,
}

struct Question {
    name: Arc<str>,
    answer: Box<dyn FnOnce(Resolved) + Send>,
}

/// Names looked up at the same time: one that takes long does not hold up the others.
const THREADS_N: usize = 4;

/// Asks the resolver's threads. They serve all shards of a process, and end with the last clone.
#[derive(Clone)]
pub struct Resolver {
    questions: Sender<Question>,
}

impl Resolver {
    /// Starts the threads, which use the system's resolver and so `/etc/hosts` and friends.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start() -> io::Result<Resolver> {
        let (questions, rx) = unbounded();
        for _ in 0..THREADS_N {
            let rx: Receiver<Question> = rx.clone();
            thread::Builder::new().name("resolver".to_owned()).spawn(move || serve(&rx))?;
        }
        Ok(Resolver { questions })
    }

    /// Resolves a name; `answer` is called on the resolver's thread.
    pub(crate) fn ask(&self, name: Arc<str>, answer: impl FnOnce(Resolved) + Send + 'static) {
        // The threads live as long as this sender does.
        let _ = self.questions.send(Question { name, answer: Box::new(answer) });
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

fn serve(questions: &Receiver<Question>) {
    for question in questions {
        let result = (&*question.name, 0)
            .to_socket_addrs()
            .map(|addresses| addresses.map(|address: SocketAddr| address.ip()).collect())
            .map_err(|error| error.to_string());
        (question.answer)(Resolved { name: question.name, result });
    }
}
