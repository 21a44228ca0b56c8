//! Which server is asked, and by whom: what the arguments say, or else the environment.

use std::path::PathBuf;

use ampule::remote::RemoteOptions;

use super::Config;
use crate::args::{Cli, RemoteArgs, UrlArgs};
use crate::exit::Fault;
use crate::run::read_text;

/// What was said of a server.
#[derive(Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Remote {
    /// By the arguments.
    asked: RemoteArgs,
    /// By the environment.
    server: Option<String>,
    token: Option<String>,
    ca_file: Option<PathBuf>,
}

impl Remote {
    /// What the environment says.
    pub(super) fn read(set: impl Fn(&str) -> Option<String>) -> Self {
        Remote {
            asked: RemoteArgs::default(),
            server: set("AMPULE_SERVER"),
            token: set("AMPULE_TOKEN"),
            ca_file: set("AMPULE_CA_FILE").map(PathBuf::from),
        }
    }
}

impl Config {
    /// The same, with what the arguments say of a server.
    pub(crate) fn asking(mut self, asked: RemoteArgs) -> Self {
        self.remote.asked = asked;
        self
    }

    /// The server that is asked, if one is. A queue that is named goes before the environment's server.
    ///
    /// # Errors
    /// [`Fault::Usage`] for what is no server, no token, or a server and a queue.
    pub(crate) fn remote(&self, queue: Option<&UrlArgs>) -> Result<Option<RemoteOptions>, Fault> {
        let has_queue = queue.is_some_and(|args| args.queue.is_some());
        let Remote { asked, server, token, ca_file } = &self.remote;
        let url = match (&asked.server, server) {
            (Some(_), _) if has_queue => {
                return Err(Fault::Usage("expected --server or --queue, found both".to_owned()));
            }
            (Some(url), _) => url,
            (None, Some(url)) if !has_queue => url,
            _ => {
                return self.remote.asked.said().map_or(Ok(None), |option| {
                    Err(Fault::Usage(format!(
                        "expected --server or $AMPULE_SERVER with {option}, found none that is asked"
                    )))
                });
            }
        };
        let mut options = RemoteOptions::new(url)?;
        let token = match (&asked.token, &asked.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(file)) => Some(read_text("--token-file", file)?),
            (None, None) => token.clone(),
        };
        if let Some(token) = token {
            options = options.token(&token)?;
        }
        options.ca_file = asked.ca_file.clone().or_else(|| ca_file.clone());
        Ok(Some(options))
    }

    /// Refuses what arguments say of a server where none can do what is to be done.
    ///
    /// # Errors
    /// [`Fault::Usage`] if they say something.
    pub(crate) fn refuse_server(&self, subcommand: &str) -> Result<(), Fault> {
        let Some(option) = self.remote.asked.said() else { return Ok(()) };
        let expected = format!("expected {option} with one of {}", Cli::on_servers());
        Err(Fault::Usage(format!("{expected}; found it with `{subcommand}`, which works on this machine")))
    }

    /// The server that the environment names, whether it is asked or not.
    pub(crate) fn server_of_environment(&self) -> Option<&str> {
        self.remote.server.as_deref()
    }

    /// Refuses to take the queue that is meant where none is named for the server's that the environment names.
    ///
    /// # Errors
    /// [`Fault::Usage`] if no queue is named and a server is.
    pub(crate) fn refuse_default_queue(&self, subcommand: &str, is_named: bool) -> Result<(), Fault> {
        match self.server_of_environment() {
            Some(server) if !is_named => Err(Fault::Usage(format!(
                "expected --queue or $AMPULE_QUEUE, found $AMPULE_SERVER alone ({server})\n  \
                 `{subcommand}` needs the queue's database itself and cannot ask a server for it"
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)], asked: RemoteArgs) -> Config {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Config::read(variables).asking(asked)
    }

    fn asked(server: &str) -> RemoteArgs {
        RemoteArgs { server: Some(server.to_owned()), ..RemoteArgs::default() }
    }

    fn shown(options: Result<Option<RemoteOptions>, Fault>) -> String {
        format!("{:?}", options.expect("it is said well"))
    }

    #[test]
    fn an_argument_goes_before_the_environment_and_a_queue_that_is_named_too() {
        let set = [("AMPULE_SERVER", "http://set"), ("AMPULE_TOKEN", "amp_set")];
        let named = UrlArgs { queue: Some("sqlite:x".to_owned()) };
        let of_environment = config(&set, RemoteArgs::default());
        assert!(shown(of_environment.remote(Some(&UrlArgs::default()))).contains("http://set"));
        assert_eq!(shown(of_environment.remote(Some(&named))), "None");
        assert!(shown(config(&set, asked("http://said")).remote(None)).contains("http://said"));
        let both = config(&set, asked("http://said")).remote(Some(&named)).map(|_| ()).expect_err("both");
        assert!(both.message().contains("found both"));
        assert_eq!(shown(config(&[], RemoteArgs::default()).remote(None)), "None");
    }

    #[test]
    fn a_token_is_read_from_a_file_and_never_told() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "amp_of_a_file\n").expect("it is written");
        let args = RemoteArgs { token_file: Some(file.path().to_owned()), ..asked("http://h") };
        let options = config(&[("AMPULE_TOKEN", "amp_set")], args).remote(None);
        let options = options.expect("it is said well").expect("a server");
        assert_eq!(options.token.as_deref(), Some("amp_of_a_file"));
        assert!(!format!("{options:?}").contains("of_a_file"));
        let missing = RemoteArgs { token_file: Some(PathBuf::from("/nowhere/at/all")), ..asked("http://h") };
        let error = config(&[], missing).remote(None).map(|_| ()).expect_err("no such file");
        assert!(error.message().contains("--token-file"), "{}", error.message());
    }

    #[test]
    fn who_asks_is_not_said_to_nobody() {
        let file = RemoteArgs { token_file: Some(PathBuf::from("token")), ..RemoteArgs::default() };
        let refusal = config(&[], file).remote(None).map(|_| ()).expect_err("nobody is asked").message();
        assert!(refusal.contains("--token-file"), "{refusal}");
        assert_eq!(shown(config(&[("AMPULE_TOKEN", "amp_x")], RemoteArgs::default()).remote(None)), "None");
    }

    #[test]
    fn a_server_of_the_environment_is_not_taken_for_a_queue() {
        let set = config(&[("AMPULE_SERVER", "http://h")], RemoteArgs::default());
        let refusal = set.refuse_default_queue("work", false).expect_err("no queue is named").message();
        assert!(refusal.contains("$AMPULE_SERVER") && refusal.contains("`work`"), "{refusal}");
        assert!(set.refuse_default_queue("work", true).is_ok());
        assert!(config(&[], RemoteArgs::default()).refuse_default_queue("work", false).is_ok());
    }

    #[test]
    fn a_server_is_refused_where_it_means_nothing() {
        let refusal = config(&[], asked("http://h")).refuse_server("work").expect_err("it means nothing").message();
        assert!(["--server", "`work`", "`list`", "`tokens`"].iter().all(|word| refusal.contains(word)), "{refusal}");
        let of_token = RemoteArgs { token: Some("amp_x".to_owned()), ..RemoteArgs::default() };
        let refusal = config(&[], of_token).refuse_server("work").expect_err("it means nothing").message();
        assert!(refusal.contains("--token") && !refusal.contains("amp_x"), "{refusal}");
        assert!(config(&[("AMPULE_SERVER", "http://h")], RemoteArgs::default()).refuse_server("work").is_ok());
    }
}
