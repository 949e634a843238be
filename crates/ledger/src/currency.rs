//! ISO 4217 currencies: which codes exist, and how many decimals each shows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// An ISO 4217 currency code in capitals, such as `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Why a text is not a currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("currency `{given}` is not an ISO 4217 code in capitals, such as EUR")]
pub struct UnknownCurrency {
    /// What was given.
    pub given: String,
}

impl Currency {
    /// The three letters.
    pub fn as_str(&self) -> &str {
        // A currency is made by parsing alone, so its bytes are capitals.
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many decimals an amount of this currency shows: one minor unit is 10^-exponent.
    pub fn exponent(self) -> u32 {
        let has = |codes: &str| codes.split_ascii_whitespace().any(|code| code == self.as_str());
        match () {
            () if has(WITHOUT_DECIMALS) => 0,
            () if has(WITH_THREE_DECIMALS) => 3,
            () => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownCurrency { given: text.to_owned() };
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| unknown())?;
        let known = [WITHOUT_DECIMALS, WITH_TWO_DECIMALS, WITH_THREE_DECIMALS]
            .iter()
            .any(|codes| codes.split_ascii_whitespace().any(|known| known == text));
        if known { Ok(Self(code)) } else { Err(unknown()) }
    }
}

#[cfg(feature = "utoipa")]
impl utoipa::PartialSchema for Currency {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .pattern(Some("^[A-Z]{3}$"))
            .description(Some("An ISO 4217 currency code in capitals."))
            .examples(["EUR"])
            .into()
    }
}

#[cfg(feature = "utoipa")]
impl utoipa::ToSchema for Currency {}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Currencies in use without a minor unit (ISO 4217, list one).
const WITHOUT_DECIMALS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";

/// Currencies in use with a thousandth as minor unit.
const WITH_THREE_DECIMALS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// Currencies in use with a hundredth as minor unit. Funds, metals and testing codes are left out:
/// nobody is paid in them.
const WITH_TWO_DECIMALS: &str = "
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
    CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD
    HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
    MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
    RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS
    UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_iso_4217_in_capitals() {
        for good in ["EUR", "USD", "JPY", "KWD", "CHF"] {
            assert_eq!(good.parse::<Currency>().unwrap().to_string(), good);
        }
        for bad in ["", "eur", "EU", "EURO", "ZZZ", "€€€", "E R"] {
            let error = bad.parse::<Currency>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{bad}`")), "{error}");
        }
    }

    #[test]
    fn each_code_is_listed_once() {
        let mut codes: Vec<_> = [WITHOUT_DECIMALS, WITH_TWO_DECIMALS, WITH_THREE_DECIMALS]
            .iter()
            .flat_map(|codes| codes.split_ascii_whitespace())
            .collect();
        let listed = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), listed);
        assert!(codes.iter().all(|code| code.len() == 3));
    }
}
