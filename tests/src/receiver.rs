//! Receivers of webhooks for tests: servers on loopback that keep what they were sent and answer as they are told to,
//! well or badly. They speak bytes, so that they can say what no HTTP library would.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A receiver that listens. Dropping it closes everything.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    kept: Arc<Kept>,
    task: JoinHandle<()>,
}

/// How a receiver answers one connection.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Reads the request, says this and closes.
    Say(Vec<u8>),
    /// Reads the request, says this, and then nothing until the other side closes.
    SayAndHang(Vec<u8>),
    /// Reads the request, says the first and then the second again and again until the other side closes.
    Endless(Vec<u8>, Vec<u8>),
    /// Reads the request, says the first and then one byte now and then until the other side closes.
    Drip(Vec<u8>),
    /// Reads the request and breaks the connection.
    Reset,
    /// Reads nothing and says nothing until the other side closes.
    Ignore,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// The first line.
    pub line: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Kept {
    received: Mutex<Vec<Received>>,
    counts: watch::Sender<Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    connections: usize,
    requests: usize,
    open: usize,
}

/// Bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What is done to a connection before anything is read from it: nothing, or a handshake.
pub type Opening =
    Arc<dyn Fn(TcpStream) -> Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>> + Send + Sync>;

impl Reply {
    /// An answer of this status and body.
    #[must_use]
    pub fn status(status: u16, body: &str) -> Self {
        Reply::Say(format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes())
    }

    /// These bytes.
    #[must_use]
    pub fn say(text: &str) -> Self {
        Reply::Say(text.as_bytes().to_vec())
    }
}

impl Receiver {
    /// A receiver on a port of its own that answers its connections with these replies, and then always with the last.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Receiver::start_at(IpAddr::V4(Ipv4Addr::LOCALHOST), replies).await
    }

    /// The same, on this address.
    pub async fn start_at(address: IpAddr, replies: impl IntoIterator<Item = Reply>) -> Self {
        let plain: Opening = Arc::new(|stream| Box::pin(async move { Ok(Box::new(stream) as Box<dyn Stream>) }));
        Receiver::open_by(SocketAddr::new(address, 0), replies, plain).await
    }

    /// The same, with something done to each connection first.
    ///
    /// # Panics
    /// If it cannot listen, or has no replies.
    pub async fn open_by(address: SocketAddr, replies: impl IntoIterator<Item = Reply>, opening: Opening) -> Self {
        let mut replies: Vec<Reply> = replies.into_iter().collect();
        replies.reverse();
        assert!(!replies.is_empty(), "a receiver answers something");
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let kept = Arc::new(Kept::default());
        let task = tokio::spawn(accept(listener, replies, opening, Arc::clone(&kept)));
        Receiver { address, kept, task }
    }

    /// `http://ADDRESS:PORT` and this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How often it was connected to.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.kept.counts.borrow().connections
    }

    /// What it was sent, once it is so much.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn received(&self, requests: usize) -> Vec<Received> {
        self.wait(|counts| counts.requests >= requests).await;
        self.kept.received.lock().expect("nobody panics with it").clone()
    }

    /// Waits until nobody is connected.
    ///
    /// # Panics
    /// If somebody stays.
    pub async fn alone(&self) {
        self.wait(|counts| counts.connections > 0 && counts.open == 0).await;
    }

    async fn wait(&self, mut until: impl FnMut(&Counts) -> bool) {
        let mut counts = self.kept.counts.subscribe();
        let waited = timeout(PATIENCE, counts.wait_for(|counts| until(counts))).await;
        waited.expect("it comes in time").expect("the receiver lives");
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, mut replies: Vec<Reply>, opening: Opening, kept: Arc<Kept>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        kept.counts.send_modify(|counts| {
            counts.connections += 1;
            counts.open += 1;
        });
        let reply = if replies.len() > 1 { replies.pop() } else { replies.last().cloned() };
        let (opening, kept) = (Arc::clone(&opening), Arc::clone(&kept));
        connections.spawn(async move {
            if let Some(reply) = reply {
                // A connection that breaks is what many of these are for.
                let _ = serve(stream, reply, &opening, &kept).await;
            }
            kept.counts.send_modify(|counts| counts.open -= 1);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, reply: Reply, opening: &Opening, kept: &Kept) -> io::Result<()> {
    if let Reply::Reset = reply {
        stream.set_zero_linger()?;
    }
    let mut stream = opening(stream).await?;
    if let Reply::Ignore = reply {
        return closed_by_other(stream).await;
    }
    let received = read(&mut stream).await?;
    kept.received.lock().expect("nobody panics with it").push(received);
    kept.counts.send_modify(|counts| counts.requests += 1);
    match reply {
        Reply::Say(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Reply::SayAndHang(bytes) => {
            stream.write_all(&bytes).await?;
            stream.flush().await?;
            closed_by_other(stream).await
        }
        Reply::Endless(head, again) => {
            stream.write_all(&head).await?;
            loop {
                stream.write_all(&again).await?;
            }
        }
        Reply::Drip(head) => {
            stream.write_all(&head).await?;
            loop {
                stream.write_all(b"a").await?;
                stream.flush().await?;
                sleep(Duration::from_millis(5)).await;
            }
        }
        Reply::Reset | Reply::Ignore => Ok(()),
    }
}

/// A connection whose other side closes some time. What it sends meanwhile stays where it is.
async fn closed_by_other(mut stream: Box<dyn Stream>) -> io::Result<()> {
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// A request with a `content-length`.
async fn read(stream: &mut Box<dyn Stream>) -> io::Result<Received> {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_len]).into_owned();
    let (line, fields) = head.split_once("\r\n").unwrap_or((&head, ""));
    let headers: HeaderMap = fields
        .lines()
        .filter_map(|field| field.split_once(':'))
        .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value.trim()).ok()?)))
        .collect();
    let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(head_len + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Received { line: line.to_owned(), headers, body })
}
