//! Layered configuration: defaults < file < environment < flags.
//!
//! Each application has one typed struct with `#[serde(deny_unknown_fields)]`; unknown keys and bad
//! values stop the start with the key's name. Environment variables are `HANDSEL__SECTION__KEY`;
//! with the suffix `_FILE` the value is read from the named file, for secrets.

use std::{fmt, path::Path};

use anyhow::Context as _;
use figment::{
    Figment,
    providers::{Env, Format as _, Serialized, Toml},
    value::Value,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Prefix of environment variables.
pub const ENV_PREFIX: &str = "HANDSEL__";

/// Loads a configuration. `file` must exist when it was named by the user (`required`); `flags`
/// are the values given on the command line, by dotted key.
///
/// # Errors
/// Names the key and says what is wrong with it.
pub fn load<T>(file: &Path, required: bool, flags: &[(&str, Value)]) -> anyhow::Result<T>
where
    T: Default + Serialize + DeserializeOwned,
{
    let mut figment = Figment::from(Serialized::defaults(T::default()));
    if file.exists() {
        figment = figment.merge(Toml::file_exact(file));
    } else if required {
        anyhow::bail!("the configuration file {} does not exist", file.display());
    }
    figment = figment.merge(
        Env::prefixed(ENV_PREFIX)
            .filter(|key| !key.as_str().to_ascii_lowercase().ends_with("_file"))
            .split("__"),
    );
    for (key, value) in secret_files()? {
        figment = figment.merge(Serialized::global(&key, value));
    }
    for (key, value) in flags {
        figment = figment.merge(Serialized::global(key, value));
    }
    figment.extract().map_err(explain)
}

/// `HANDSEL__SMTP__PASSWORD_FILE=/run/secrets/smtp` sets `smtp.password` to that file's content,
/// without a trailing line break.
fn secret_files() -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for (name, path) in std::env::vars() {
        let Some(key) = name.strip_prefix(ENV_PREFIX).and_then(|key| key.strip_suffix("_FILE"))
        else {
            continue;
        };
        let value = std::fs::read_to_string(&path)
            .with_context(|| format!("{name} names {path}, which cannot be read"))?;
        let key = key.to_ascii_lowercase().replace("__", ".");
        found.push((key, value.trim_end_matches(['\r', '\n']).to_owned()));
    }
    Ok(found)
}

fn explain(errors: figment::Error) -> anyhow::Error {
    let lines: Vec<String> = errors
        .into_iter()
        .map(|error| {
            let key = error.path.join(".");
            let from = error
                .metadata
                .as_ref()
                .map(|metadata| match &metadata.source {
                    Some(source) => format!(" (in {source})"),
                    None => format!(" (in {})", metadata.name),
                })
                .unwrap_or_default();
            match key.as_str() {
                "" => format!("{}{from}", error.kind),
                _ => format!("{key}: {}{from}", error.kind),
            }
        })
        .collect();
    anyhow::anyhow!("the configuration is not usable:\n  {}", lines.join("\n  "))
}

/// A configured secret: shown as `********` wherever it is printed, logged or serialised.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, to be used and not kept.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether none is configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "********" })
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { "********" })
    }
}

/// Takes text only, and never repeats what it was given: an error message would show the secret. A
/// number is refused and not converted, because its leading zeros are lost by then.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Ok(Value::String(_, secret)) = <Value as Deserialize>::deserialize(deserializer) else {
            return Err(serde::de::Error::custom(
                "a secret must be text: put it in quotes, or name a file that holds it with _FILE",
            ));
        };
        Ok(Self(secret))
    }
}

/// Whether a text can be an address of the web.
pub fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Whether pages can be reached there.
///
/// # Errors
/// Names `server.public_url` and what is wrong with it.
pub fn check_public_url(url: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        is_url(url) && !url.ends_with('/'),
        "server.public_url: `{url}` is not an http or https url without a slash at its end"
    );
    Ok(())
}

/// Converts a flag's value for [`load`].
pub fn flag(value: impl Into<Value>) -> Value {
    value.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        port: u16,
        smtp: Smtp,
    }

    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Smtp {
        password: Secret,
    }

    impl Default for Sample {
        fn default() -> Self {
            Self { port: 5000, smtp: Smtp::default() }
        }
    }

    fn load_text(toml: &str, flags: &[(&str, Value)]) -> anyhow::Result<Sample> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("handsel.toml");
        std::fs::write(&file, toml)?;
        load(&file, true, flags)
    }

    #[test]
    fn flags_win_over_the_file_over_the_defaults() {
        assert_eq!(load_text("", &[]).unwrap().port, 5000);
        assert_eq!(load_text("port = 6000", &[]).unwrap().port, 6000);
        assert_eq!(load_text("port = 6000", &[("port", 7000.into())]).unwrap().port, 7000);
    }

    #[test]
    fn bad_keys_and_values_are_named() {
        let unknown = load_text("[smtp]\npasword = 'x'", &[]).unwrap_err().to_string();
        assert!(unknown.contains("smtp") && unknown.contains("pasword"), "{unknown}");
        let wrong = load_text("port = 'high'", &[]).unwrap_err().to_string();
        assert!(wrong.contains("port"), "{wrong}");
    }

    #[test]
    fn a_secret_that_is_no_text_is_refused_and_not_shown() {
        let error = load_text("[smtp]\npassword = 12345678", &[]).unwrap_err().to_string();
        assert!(error.contains("smtp.password") && error.contains("quotes"), "{error}");
        assert!(!error.contains("12345678"), "{error}");
    }

    #[test]
    fn secrets_are_masked() {
        let sample = load_text("[smtp]\npassword = 'hunter2'", &[]).unwrap();
        assert_eq!(sample.smtp.password.reveal(), "hunter2");
        let shown = format!("{sample:?}{}", serde_json::to_string(&sample).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
