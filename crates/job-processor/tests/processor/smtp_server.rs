//! A small mail server on a real port. What it does with a mail depends on the recipient's name:
//! `rejected…` is refused for good, `busy…` is put off the first time, `lost…` is accepted without
//! an answer the first time.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use job_processor::{SmtpConfig, SmtpTls};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// A mail as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) to: String,
    pub(crate) data: String,
}

impl Received {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        self.data.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Inner {
    received: Vec<Received>,
    met: HashSet<String>,
}

/// The server. It runs as long as the test.
#[derive(Debug, Clone)]
pub(crate) struct SmtpServer {
    port: u16,
    inner: Arc<Mutex<Inner>>,
}

impl SmtpServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), inner: Arc::default() };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                // A connection that the client drops ends with an error that concerns nobody.
                tokio::spawn(async move { drop(server.converse(stream).await) });
            }
        });
        server
    }

    pub(crate) fn config(&self) -> SmtpConfig {
        SmtpConfig {
            host: "127.0.0.1".into(),
            port: self.port,
            tls: SmtpTls::None,
            from: "Gifts <gifts@shop.example>".into(),
            ..SmtpConfig::default()
        }
    }

    /// What arrived for a recipient, whose name begins like this.
    pub(crate) fn received(&self, name: &str) -> Vec<Received> {
        let inner = self.inner.lock().unwrap();
        inner.received.iter().filter(|mail| mail.to.starts_with(name)).cloned().collect()
    }

    fn first_time(&self, to: &str) -> bool {
        self.inner.lock().unwrap().met.insert(to.to_owned())
    }

    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        let mut to = String::new();
        writer.write_all(b"220 test\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let reply: &[u8] = match verb.as_str() {
                "EHLO" => b"250-test\r\n250 8BITMIME\r\n",
                "RCPT" => {
                    to = between(&line, '<', '>');
                    if to.starts_with("rejected") {
                        b"550 5.1.1 no such user\r\n"
                    } else if to.starts_with("busy") && self.first_time(&to) {
                        b"450 4.2.0 try again later\r\n"
                    } else {
                        b"250 ok\r\n"
                    }
                }
                "DATA" => {
                    writer.write_all(b"354 go on\r\n").await?;
                    let mut data = String::new();
                    while let Some(line) = lines.next_line().await?
                        && line != "."
                    {
                        data.push_str(&line);
                        data.push('\n');
                    }
                    let received = Received { to: to.clone(), data };
                    self.inner.lock().unwrap().received.push(received);
                    if to.starts_with("lost") && self.first_time(&to) {
                        return Ok(());
                    }
                    b"250 queued\r\n"
                }
                "QUIT" => {
                    writer.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => b"250 ok\r\n",
            };
            writer.write_all(reply).await?;
        }
        Ok(())
    }
}

fn between(line: &str, open: char, close: char) -> String {
    let inner = line.split(open).nth(1).unwrap_or_default();
    inner.split(close).next().unwrap_or_default().to_owned()
}
