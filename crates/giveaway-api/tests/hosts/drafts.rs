//! Drafting: rows without scripts, what is wrong beside its field, and whose a draft is.

use giveaway_api::actions::show_giveaway::show_giveaway;
use http::StatusCode;

use crate::{
    browser::Browser,
    street::{NEW, Street, wrong},
};

const ADA: &str = "ada@example.org";

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_saved_as_it_was_typed_and_shown_for_review() {
    for street in Street::all().await {
        let mut ada = Browser::of(&street.house, ADA).await;
        let id = street.draft(&mut ada, ADA).await;
        let host = street.host(ADA).await;
        let draft = show_giveaway(street.house.service(), host, id).await.unwrap().draft;
        assert_eq!((draft.prizes[0].value.minor, draft.prizes[0].count), (2_550, 2));
        assert_eq!(draft.closes_at.to_string(), "2026-12-05T18:00:00Z");

        let page = ada.get(&format!("/host/giveaways/{id}")).await;
        assert!(page.text.contains("Your wallet is short of €51"), "{page:?}");
        let way = format!("/host/wallet/top-up?amount=51.00&#38;currency=EUR&#38;giveaway={id}");
        assert!(page.text.contains(&way), "{page:?}");
        assert!(ada.get("/host").await.text.contains("Winter"));

        let edit = format!("/host/giveaways/{id}/edit");
        let page = ada.get(&edit).await;
        assert!(page.text.contains("value=\"25.50\"") && page.text.contains("2026-12-05T18:00"));
        let mut fields = street.fields();
        fields[0].1 = "Spring";
        fields.extend([("born", "2008"), ("who", "only"), ("country", "DE"), ("country", "AT")]);
        let saved = ada.press(&edit, &edit, &fields).await;
        assert_eq!(saved.leads_to(), format!("/host/giveaways/{id}"), "{saved:?}");
        let draft = show_giveaway(street.house.service(), host, id).await.unwrap().draft;
        let allowed = draft.eligibility.allowed_countries.unwrap();
        assert_eq!((draft.title.as_str(), allowed), ("Spring", vec!["AT".into(), "DE".into()]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_and_go_without_a_script_and_keep_what_was_typed() {
    let street = &Street::all().await[0];
    let mut ada = Browser::of(&street.house, ADA).await;
    let mut fields = street.fields();
    fields.push(("add", "1"));
    let page = ada.press(NEW, NEW, &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    assert_eq!(page.text.matches("<select id=\"product-").count(), 2);
    assert!(page.text.contains("value=\"Winter\"") && page.text.contains("value=\"25,50\""));
    let mut fields = street.fields();
    fields.extend([("product", ""), ("value", ""), ("count", "7"), ("remove", "0")]);
    let page = ada.press(NEW, NEW, &fields).await;
    assert_eq!(page.text.matches("<select id=\"product-").count(), 1);
    assert!(page.text.contains("value=\"7\"") && !page.text.contains("value=\"25,50\""));
    // A row that stayed empty is no mistake.
    let mut fields = street.fields();
    fields.extend([("product", ""), ("value", ""), ("count", "1")]);
    let page = ada.press(NEW, NEW, &fields).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_is_said_beside_its_field() {
    let street = &Street::all().await[0];
    let mut ada = Browser::of(&street.house, ADA).await;
    let fields = [
        ("title", ""),
        ("description", "<script>"),
        ("product", street.product.as_str()),
        ("value", "500"),
        ("count", "none"),
        ("closes_at", "2026-11-27T12:00"),
        ("who", "only"),
    ];
    let page = ada.press(NEW, NEW, &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for (field, reason) in [
        ("title", "Give it a title."),
        ("value-0", "Must be from €5 to €100."),
        ("count-0", "Must be a whole number, at least 1."),
        ("closes_at", "Must be in the future."),
    ] {
        assert_eq!(wrong(&page, field), reason);
    }
    assert!(page.text.contains("Choose at least one country"), "{page:?}");
    assert!(!page.text.contains("<script>"), "what was typed stays text");
    assert_eq!(page.text.matches(" autofocus").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_elses_giveaway_is_there() {
    for street in Street::all().await {
        let mut ada = Browser::of(&street.house, ADA).await;
        let id = street.draft(&mut ada, ADA).await;
        let mut eve = Browser::of(&street.house, "eve@example.org").await;
        let csrf = eve.get(NEW).await.token();
        for path in [
            "",
            "/edit",
            "/publish",
            "/entries",
            "/entries.csv",
            "/winners.csv",
            "/charts",
            "/import",
            "/cancel",
        ] {
            let path = format!("/host/giveaways/{id}{path}");
            assert_eq!(eve.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        for path in ["/edit", "/publish", "/import", "/cancel"] {
            let path = format!("/host/giveaways/{id}{path}");
            let mut fields = street.fields();
            fields.extend([("csrf", csrf.as_str()), ("key", "k"), ("csv", "email")]);
            assert_eq!(eve.post(&path, &fields).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        // Nor anything for who is not signed in, or has no host's account.
        let mut nobody = Browser::at(&street.house);
        for path in ["/host", "/host/wallet", NEW] {
            assert!(nobody.get(path).await.leads_to().starts_with("/sign-in?next="), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_host_needs_the_token_of_its_session() {
    let street = &Street::all().await[0];
    let mut ada = Browser::of(&street.house, ADA).await;
    let id = street.draft(&mut ada, ADA).await;
    let mut paths: Vec<String> = ["edit", "publish", "import", "cancel"]
        .map(|form| format!("/host/giveaways/{id}/{form}"))
        .to_vec();
    paths.extend(
        [
            NEW,
            "/host/wallet/top-up",
            "/host/wallet/payouts/destination",
            "/host/wallet/payouts/withdraw",
        ]
        .map(ToOwned::to_owned),
    );
    for path in paths {
        let mut fields = street.fields();
        fields.extend([
            ("key", "k"),
            ("amount", "5"),
            ("currency", "EUR"),
            ("destination", "acct"),
        ]);
        let page = ada.post(&path, &fields).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(street.bank.checkouts().is_empty());
}
