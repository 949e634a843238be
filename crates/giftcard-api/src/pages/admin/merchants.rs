//! `/admin/merchants`: who redeems cards. A new one gets its first person at the till in the next step.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use platform::pages::office::{Act, Cell, Entry, Table, Tables};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    super::{
        fault::{Fault, Form},
        frame,
    },
    Asked, Asking, Office, SHOWN, after, done, key, next, shown,
};
use crate::{
    actions::register_merchant::{NewMerchant, register_merchant},
    domain::ids::MerchantId,
    service::{Service, Shared},
    store::{merchant, time},
};

const AT: &str = "/admin/merchants";

/// Where somebody is invited to a till.
const INVITE: &str = "/account/invite?merchant_id=";

/// GET /admin/merchants
pub(in crate::pages) async fn show(
    _: Office,
    State(service): State<Shared>,
    query: Asking<MerchantId>,
) -> Result<Response, Fault> {
    let after = after(query)?;
    let found = merchant::page(service.db.read(), after, SHOWN).await?;
    let next = next(&found, AT, |row| row.id.to_string());
    let rows = found.into_iter().map(|row| {
        let standing = match (row.closed_at, row.blocked_at) {
            (Some(_), _) => "closed",
            (None, Some(_)) => "payouts stopped",
            (None, None) => "open",
        };
        let invite = format!("{INVITE}{}", row.id);
        vec![
            Cell::Text(row.name.clone()),
            Cell::Text(row.email),
            Cell::Code(row.id.to_string()),
            Cell::Text(standing.to_owned()),
            Cell::Time(time(row.created_at)),
            Cell::link(invite, "Invite", format!("somebody to the till of {}", row.name)),
        ]
    });
    let table = Table {
        name: "Merchants",
        columns: vec!["Name", "Address", "Number", "State", "Since", "Till"],
        rows: rows.collect(),
        empty: "None yet.",
        next,
    };
    let page = Tables::new(frame(&service), AT, "Merchants")
        .link("/admin/merchants/new", "Make a merchant");
    shown(&page.table(table))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Fields {
    csrf: String,
    form: Uuid,
    name: String,
    email: String,
    payout_destination: String,
}

/// GET /admin/merchants/new
pub(in crate::pages) async fn ask(
    Asked(office): Asked,
    State(service): State<Shared>,
) -> Result<Response, Fault> {
    shown(&form(&service, &office, &Fields::default()))
}

/// POST /admin/merchants/new: leads on to inviting somebody to its till.
pub(in crate::pages) async fn create(
    Asked(office): Asked,
    State(service): State<Shared>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    office.check(&fields.csrf)?;
    let what: [&[u8]; 4] = [
        b"register_merchant",
        fields.name.as_bytes(),
        fields.email.as_bytes(),
        fields.payout_destination.as_bytes(),
    ];
    let key = key(fields.form, &what);
    let new = NewMerchant {
        name: fields.name.clone(),
        email: fields.email.clone(),
        payout_destination: fields.payout_destination.clone(),
    };
    let outcome = register_merchant(&service, new, &key).await;
    if let Ok(answer) = &outcome
        && let Some(id) = answer.body["id"].as_str()
    {
        return Ok(Redirect::to(&format!("{INVITE}{id}")).into_response());
    }
    done(outcome, AT, || form(&service, &office, &fields))
}

fn form(service: &Service, office: &Office, fields: &Fields) -> Act {
    let destination = Entry::line(
        "payout_destination",
        "Where it is paid, in the provider’s terms",
        &fields.payout_destination,
    );
    Act::new(frame(service), AT, "Make a merchant", "/admin/merchants/new", &office.csrf)
        .lead("In the next step you invite the first person to its till.")
        .entry(Entry::line("name", "Name", &fields.name).help("Winners read it on their cards."))
        .entry(Entry::line("email", "Email address", &fields.email))
        .entry(destination)
        .button("Make it")
}
