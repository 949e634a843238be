//! Form encoding, and parameters checked by name.

use http::StatusCode;

use super::api::Failure;

/// Decoded parameters of a query or a form body, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Params(pub(super) Vec<(String, String)>);

impl Params {
    /// Decodes `a=1&b[c]=2`.
    pub(super) fn decode(encoded: &str) -> Self {
        let url = reqwest::Url::parse(&format!("http://stripe/?{encoded}"));
        let pairs = url.map(|url| url.query_pairs().into_owned().collect());
        Self(pairs.unwrap_or_default())
    }

    /// The parameter of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a list parameter, such as `types[]`.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The parameter, which must be there.
    pub(super) fn need(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            invalid("parameter_missing", &format!("Missing required param: {name}."))
        })
    }

    /// A positive whole number, which must be there.
    pub(super) fn positive(&self, name: &str) -> Result<i64, Failure> {
        let number = self.need(name)?.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| {
            invalid("parameter_invalid_integer", &format!("Invalid positive integer: {name}"))
        })
    }

    /// A currency as Stripe wants it: three small letters.
    pub(super) fn currency(&self, name: &str) -> Result<String, Failure> {
        let text = self.need(name)?;
        let is_one = text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_lowercase());
        if is_one {
            Ok(text.to_owned())
        } else {
            Err(invalid("parameter_invalid_string", &format!("Invalid currency: {text}")))
        }
    }

    /// Refuses what is not among `known`.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let message = format!("Received unknown parameter: {name}");
                Err(invalid("parameter_unknown", &message))
            }
        }
    }
}

/// A parameter that is not right.
pub(super) fn invalid(code: &'static str, message: &str) -> Failure {
    Failure {
        status: StatusCode::BAD_REQUEST,
        kind: "invalid_request_error",
        code: Some(code),
        message: message.to_owned(),
    }
}
