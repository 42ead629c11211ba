//! A protocol of one's own: lines over TCP, measured with `cx.measure`.
//!
//! `tcp --headless -u 10 -r 10 -t 5s` starts an echo server of its own; `--host tcp://host:port`
//! loads another. What `measure` takes is any future that may fail, so any async client that runs
//! on the core's ring can be loaded in this way.

use hatchery::{
    Environment,
    net::{SocketOptions, Stream, Target, connect},
    prelude::*,
};
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    rc::Rc,
    thread,
};

struct Caller {
    server: Target,
    connection: Option<Stream>,
}

impl User for Caller {
    /// A host, but none that speaks HTTP.
    const NEEDS_HOST: bool = false;
    const WAIT: Wait = constant(0.01);

    fn new(spawn: &Spawn<'_>) -> Self {
        let host = spawn.host().unwrap_or_default().trim_start_matches("tcp://");
        let (host, port) = host.rsplit_once(':').expect("the host is tcp://host:port");
        let port = port.parse().expect("the port is a number");
        Caller { server: Target::Host { host: host.into(), port }, connection: None }
    }

    async fn on_start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let shard = Rc::clone(cx.shard());
        let options = SocketOptions::default();
        let connecting = connect(&shard, &self.server, &options);
        self.connection = Some(cx.measure("TCP", "connect", connecting).await?);
        Ok(())
    }
}

#[tasks]
impl Caller {
    #[task]
    async fn call(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let Some(stream) = &mut self.connection else { return cx.stop_user() };
        cx.measure("TCP", "echo", call(stream, b"hello\n")).await?;
        Ok(())
    }
}

/// Sends a line and reads the answer.
async fn call(stream: &mut Stream, line: &[u8]) -> io::Result<()> {
    stream.write_all(line).await?;
    let mut answer = [0; 64];
    let mut n = 0;
    while !answer[..n].ends_with(b"\n") {
        match stream.read(&mut answer[n..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => n += more,
        }
    }
    match &answer[..n] == line {
        true => Ok(()),
        false => Err(io::Error::other("another line came back")),
    }
}

/// The server to be loaded when no host is given: a thread per connection is plenty here.
fn start_server() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || echo(stream));
        }
    });
    Ok(format!("tcp://{address}"))
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut line = vec![];
    while lines.read_until(b'\n', &mut line)? > 0 {
        stream.write_all(&line)?;
        line.clear();
    }
    Ok(())
}

fn main() -> ExitCode {
    match start_server() {
        Ok(host) => Program::of(Environment::new().user::<Caller>().host(host)).main(),
        Err(error) => {
            eprintln!("error: start the echo server: {error}");
            ExitCode::from(2)
        }
    }
}
