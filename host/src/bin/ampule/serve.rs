//! `ampule serve`: HTTP, and workers beside it, until a signal comes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use ampule::queue::{self, Queue, QueueUrl};
use ampule::server::{Server, Tokens};
use ampule::{Drained, Runner};
use tokio::net::{TcpListener, TcpSocket};

use crate::config::{Config, LogFormat, Service};
use crate::exit::{self, Fault};
use crate::signals::Signals;
use crate::workers::{self, Workers};
use crate::{log, report};

/// Connections that may wait to be accepted; the kernel takes less if `net.core.somaxconn` says so.
const BACKLOG: u32 = 4_096;

/// Serves as the configuration says.
pub(crate) async fn run(service: Service, config: &Config) -> Result<ExitCode, Fault> {
    let mut signals = Signals::catch()?;
    let says = Says(service.log.format);
    let Some(started) = signals.unless(Started::new(&service, config)).await else {
        says.stopped(&Drained::default());
        return Ok(ExitCode::SUCCESS);
    };
    let Started { queue, runner, server, workers } = started?;
    // Shown this once, so it is made when nothing is left that could fail, and no signal takes it away in between.
    let first = first_token(&queue, service.server.listen.ip()).await?;
    says.listening(server.address(), first.as_deref(), &runner, workers.as_ref());
    signals.asked_to_stop().await;
    says.stopping(&service, workers.as_ref());
    let drain = async {
        let workers = async {
            match workers {
                Some(workers) => workers.shutdown(service.grace).await,
                None => Drained::default(),
            }
        };
        tokio::join!(server.shutdown(service.grace), workers).1
    };
    let drained = tokio::select! {
        biased;
        // The second signal ends the process in there.
        () = async { loop { signals.asked_to_stop().await } } => Drained::default(),
        drained = drain => drained,
    };
    says.stopped(&drained);
    Ok(if drained.abandoned == 0 { ExitCode::SUCCESS } else { ExitCode::from(exit::HOST) })
}

/// All that serves.
struct Started {
    queue: Arc<dyn Queue>,
    runner: Runner,
    server: Server,
    workers: Option<Workers>,
}

impl Started {
    async fn new(service: &Service, config: &Config) -> Result<Self, Fault> {
        let listener = bind(service.server.listen)?;
        let queue = queue::open(&service.queue.parse::<QueueUrl>()?).await?;
        refuse_others_without_a_token(&queue, service.server.listen.ip()).await?;
        let slots = service.runner.direct_slots + if service.worker.enabled { service.worker.slots } else { 0 };
        let runner = workers::runner(service, slots, config)?;
        let settings = service.server.settings.clone();
        let server = Server::start(runner.clone(), Arc::clone(&queue), settings, listener)
            .map_err(|error| anyhow::Error::new(error).context("the listener"))?;
        let workers = match service.worker.enabled {
            true => {
                let metrics = server.metrics();
                Some(Workers::start(&runner, &queue, service, move |settled| metrics.settled(settled))?)
            }
            false => None,
        };
        Ok(Started { queue, runner, server, workers })
    }
}

/// Takes the address, before anything is made that would be left behind if it cannot be had.
fn bind(address: SocketAddr) -> Result<TcpListener, Fault> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A server that is started again may have its address back at once.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => "; another program listens there, `--listen` names another address",
            std::io::ErrorKind::PermissionDenied => "; ports below 1024 are root's",
            _ => "",
        };
        anyhow::anyhow!("{address} cannot be listened on: {error}{hint}").into()
    })
}

/// Others than this machine reach no server that has no token yet.
async fn refuse_others_without_a_token(queue: &Arc<dyn Queue>, address: IpAddr) -> Result<(), Fault> {
    if !address.is_loopback() && Tokens::new(Arc::clone(queue)).is_empty().await? {
        return Err(Fault::Usage(format!(
            "expected a token before others can reach this server on {address}, found none\n  \
             `ampule tokens create` makes one"
        )));
    }
    Ok(())
}

/// Makes the first token, if there is none and only this machine can reach the server.
async fn first_token(queue: &Arc<dyn Queue>, address: IpAddr) -> Result<Option<String>, Fault> {
    if !address.is_loopback() {
        return Ok(None);
    }
    Ok(Tokens::new(Arc::clone(queue)).first().await?.map(|(_, text)| text))
}

/// What is said on stderr: lines for people, or events where the log is for machines.
struct Says(LogFormat);

impl Says {
    fn listening(&self, address: SocketAddr, first: Option<&str>, runner: &Runner, workers: Option<&Workers>) {
        let base = base(address);
        let worker = workers.map(|workers| workers.id().to_string());
        if self.0 == LogFormat::Json {
            tracing::info!(target: log::SERVICE, address = %address, worker, first_token = first, "listening");
            return;
        }
        let mut text = format!("listening on http://{address}");
        if let Some(worker) = worker {
            text.push_str(&format!(", worker {worker} is ready"));
        }
        if let Some(first) = first {
            text.push_str(&format!("\nthe first token, an admin's, shown this once: {first}"));
        }
        say(&text);
        say(&format!("try it:\n  {}", try_it(&base, first, runner)));
    }

    fn stopping(&self, service: &Service, workers: Option<&Workers>) {
        let running = workers.map_or(0, Workers::running);
        self.tell(&format!(
            "stopping: {running} running, at most {:?} to go; a second signal leaves at once",
            service.grace
        ));
    }

    fn stopped(&self, drained: &Drained) {
        self.tell(&workers::ended(drained));
    }

    fn tell(&self, text: &str) {
        match self.0 {
            LogFormat::Text => say(text),
            LogFormat::Json => tracing::info!(target: log::SERVICE, "{text}"),
        }
    }
}

/// What reaches it from this machine.
fn base(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// A line for a shell that works as it stands.
fn try_it(base: &str, first: Option<&str>, runner: &Runner) -> String {
    let Some(token) = first else { return format!("curl {base}/healthz") };
    let languages: Vec<String> = runner.languages().into_iter().map(|language| language.name).collect();
    let language = ["python", "javascript"].into_iter().find(|name| languages.iter().any(|known| known == name));
    match language {
        Some(language) => format!(
            "curl {base}/v1/run -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \
             -d '{{\"language\": \"{language}\", \"source\": \"6 * 7\"}}'"
        ),
        None => format!("curl {base}/v1/version -H 'Authorization: Bearer {token}'"),
    }
}

fn say(text: &str) {
    report::note(&mut anstream::stderr().lock(), text);
}
