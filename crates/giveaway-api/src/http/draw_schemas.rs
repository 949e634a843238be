//! How the documents of a draw look. The crate `draw` stands for itself, so that whoever checks it has little
//! to read; what it writes is described here.

use platform::document::schema;
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// Describes types by JSON: `described! { Name = "Name", [Others], { … } }`.
macro_rules! described {
    ($($(#[$doc:meta])* $name:ident = $shown:literal, [$($part:ident),*], $json:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                schema($json)
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $shown.into()
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $(
                    schemas.push(($part::name().into_owned(), $part::schema()));
                    $part::schemas(schemas);
                )*
                let _ = schemas;
            }
        }
    )+};
}

/// Lowercase hexadecimal digits.
fn hex(bytes: usize, what: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^[0-9a-f]{{{}}}$", 2 * bytes), "description": what })
}

fn uuid(what: &str) -> Value {
    json!({ "type": "string", "format": "uuid", "description": what })
}

fn time(what: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": what })
}

fn count(what: &str) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0, "description": what })
}

fn text(what: &str) -> Value {
    json!({ "type": "string", "description": what })
}

fn or_null(mut value: Value) -> Value {
    value["type"] = json!([value["type"], "null"]);
    value
}

fn list(items: Value, what: &str) -> Value {
    json!({ "type": "array", "items": items, "description": what })
}

fn part(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object all of whose members are there, and no others.
fn whole(what: &str, members: Value) -> Value {
    let names: Vec<&String> =
        members.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    let names = json!(names);
    json!({
        "type": "object", "description": what, "properties": members, "required": names,
        "additionalProperties": false,
    })
}

described! {
    /// The receipt of an entry.
    ReceiptSchema = "Receipt", [], whole(
        "What shows that an entry was accepted, and finds it among the leaves.",
        json!({
            "version": count("Of this document: 1."),
            "draw_id": uuid("The draw: the giveaway's id, as a UUID."),
            "leaf_id": hex(16, "The entry's leaf."),
            "commitment": hex(32, "The leaf's commitment to the person."),
            "rules": hex(32, "The hash of the rules under which the entry was made."),
            "salt": hex(32, "Opens the commitment. Whoever has it can check a guess of the address."),
            "signature": hex(64, "The instance's Ed25519 signature."),
        }),
    );
    /// The rules of a draw.
    RulesSchema = "Rules", [], whole(
        "Everything that was fixed before the first entry.",
        json!({
            "version": count("Of this document: 1."),
            "draw_id": uuid("The draw."),
            "title": text("The giveaway's name."),
            "units": list(whole("One prize that one winner gets.", json!({
                "unit": uuid("Its id."),
                "description": text("What it is."),
                "value_minor": count("Its value, in minor units."),
                "currency": { "type": "string", "pattern": "^[A-Z]{3}$" },
                "merchant": text("Where it can be spent."),
            })), "The prizes; the first winner drawn gets the first, and so on."),
            "alternates": count("How many alternates are drawn after the winners."),
            "weight": whole("How many tickets an entry has: one each.", json!({
                "kind": { "type": "string", "enum": ["equal"] },
            })),
            "eligibility": whole("Who may win.", json!({
                "birth_year_max": or_null(count("Born in this year or earlier.")),
                "countries_allowed": or_null(list(json!({ "type": "string", "pattern": "^[A-Z]{2}$" }), "Only these.")),
                "countries_excluded": list(json!({ "type": "string", "pattern": "^[A-Z]{2}$" }), "Not these."),
            })),
            "disqualification": list(text("A word."), "The only grounds for a disqualification."),
            "opens_at": time("When entries are taken from."),
            "closes_at": time("When entries are taken until."),
            "review_seconds": count("How long entries are reviewed before they are frozen."),
            "lead_seconds": count("How long before the draw the commitment is published."),
            "draw_at": time("When winners are drawn."),
            "chain": hex(32, "The hash of the beacon's chain."),
            "round": count("The first round at or after the draw."),
            "further_generation": { "type": "boolean", "description": "Whether prizes that are left over are drawn again." },
            "claim_seconds": count("How long a winner has to claim."),
        }),
    );
    /// The manifest.
    ManifestSchema = "Manifest", [], whole(
        "What was committed to before the randomness existed.",
        json!({
            "version": count("Of this document: 1."),
            "draw_id": uuid("The draw."),
            "generation": count("0 for the first draw over these entries."),
            "previous": hex(32, "The hash of the manifest of the generation before, or zeros."),
            "units": list(uuid("A prize."), "The prizes, in the order in which winners get them."),
            "alternates": count("How many alternates are drawn."),
            "chain": hex(32, "The hash of the beacon's chain."),
            "round": count("The round that decides."),
            "late": { "type": "boolean", "description": "Whether that is a later round than the rules name." },
            "rules": hex(32, "The hash of the rules."),
            "root": hex(32, "The Merkle root over the leaves."),
            "leaves": count("How many leaves there are."),
            "weight": { "type": "string", "pattern": "^(0|[1-9][0-9]*)$", "description": "The sum of their weights." },
            "sealed_at": time("When the entries were frozen."),
        }),
    );
    /// A signed manifest.
    CommitmentSchema = "Commitment", [ManifestSchema], whole(
        "The commitment, as published.",
        json!({
            "manifest": part("Manifest"),
            "hash": hex(32, "The manifest's hash: keep it."),
            "signature": hex(64, "The instance's signature over the manifest's canonical form."),
            "public_key": hex(32, "The instance's key."),
        }),
    );
    /// The whole draw.
    TranscriptSchema = "Transcript", [RulesSchema, ManifestSchema], whole(
        "Everything that is needed to check a draw.",
        json!({
            "format": { "type": "string", "enum": ["handsel/transcript/v1"] },
            "rules": part("Rules"),
            "manifest": part("Manifest"),
            "signature": hex(64, "The instance's signature over the manifest."),
            "public_key": hex(32, "The key it was made with."),
            "beacon": whole("The randomness.", json!({
                "chain": hex(32, "The hash of the chain."),
                "sandbox": or_null(whole("What has to be known of a sandbox chain.", json!({
                    "public_key": hex(96, "The key that signs its rounds."),
                    "genesis": time("When round 1 is."),
                    "period_seconds": count("From one round to the next."),
                }))),
                "round": count("The round."),
                "signature": hex(48, "Its signature."),
            })),
            "picks": list(hex(16, "A leaf."), "The leaves drawn, in order."),
            "words": count("Random words consumed."),
            "rejected": count("Random words rejected."),
            "successions": list(whole("A replacement.", json!({
                "number": count("Its place among them, from 0."),
                "unit": uuid("The prize."),
                "from": hex(16, "Who leaves."),
                "to": or_null(hex(16, "Who takes the prize.")),
                "reason": { "type": "string", "enum": ["lapsed", "declined", "disqualified"] },
                "ground": or_null(text("For a disqualification, the ground in the rules.")),
                "evidence": hex(32, "SHA-256 of the evidence."),
                "at": time("When the prize passed on."),
                "signature": hex(64, "The instance's signature."),
            })), "Replacements since, in order."),
            "log": list(json!({}), "Entries of a public log: there is none yet."),
            "leaves": list(hex(53, "Id, commitment, weight and reason."), "The leaves, sorted."),
        }),
    );
    /// What the provider sends.
    ProviderEvent = "ProviderEvent", [], json!({
        "type": "object",
        "description": "An event, in the provider's terms. It is believed for its signature alone, and what it says is asked for again.",
        "additionalProperties": true,
    });
}
