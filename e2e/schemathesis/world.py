"""Makes a world in which every operation of the APIs has something to work on.

Everything goes over HTTP, as hosts, merchants, entrants and the operator do it; what only goes wrong at a
payment provider is ordered from the sandbox bank. The result is a file for hooks.py: who may ask, which ids
exist, and for each operation some requests that should succeed.

    world.py BASE_URL BANK_URL FOLDER RESULT
"""

import hashlib
import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone

BASE, BANK, FOLDER, RESULT = sys.argv[1:]
FOLDER = pathlib.Path(FOLDER)
GIVEAWAY, GIFTCARD = "/api/giveaway/v1", "/api/giftcard/v1"
CURRENCY = "EUR"
PATIENCE = 90

http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, url, body=None, token=None, key=None, kind="application/json"):
    """Asks, and answers status and body; whatever is no success is raised."""
    headers = {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if key:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if body is not None:
        headers["Content-Type"] = kind
        body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with http.open(request, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method} {url}: {error.code} {error.read().decode()}") from None
    return json.loads(text) if text and text[:1] in b"{[" else text


def until(what, look):
    """Asks again until there is something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise RuntimeError(f"{what} did not happen within {PATIENCE} seconds")


def money(minor):
    return {"minor": minor, "currency": CURRENCY}


def soon(**distance):
    return (datetime.now(timezone.utc) + timedelta(**distance)).strftime("%Y-%m-%dT%H:%M:%SZ")


ADMIN = (FOLDER / "data/admin-token").read_text().strip()
BANK_KEY = (FOLDER / "bank/api-key").read_text().strip()


class Merchant:
    """A merchant, its token and one product."""

    def __init__(self, name):
        new = {"name": name, "email": "till@example.org", "payout_destination": f"acct_{uuid.uuid4().hex[:8]}"}
        self.id = ask("POST", f"{BASE}{GIFTCARD}/merchants", new, ADMIN, key=True)["id"]
        self.token = ask("POST", f"{BASE}{GIFTCARD}/merchants/{self.id}/tokens", token=ADMIN)["token"]
        product = {"name": f"{name} card", "currency": CURRENCY, "min_minor": 100, "max_minor": 20_000}
        self.product = self.post("/products", product)["id"]

    def post(self, path, body=None, key=False):
        return ask("POST", f"{BASE}{GIFTCARD}{path}", body, self.token, key)

    def get(self, path):
        return ask("GET", f"{BASE}{GIFTCARD}{path}", token=self.token)


class Host:
    """A host with a full wallet."""

    def __init__(self, name):
        self.id = ask("POST", f"{BASE}{GIVEAWAY}/hosts", {"name": name, "email": "host@example.org"}, ADMIN, key=True)["id"]
        self.token = ask("POST", f"{BASE}{GIVEAWAY}/hosts/{self.id}/tokens", token=ADMIN)["token"]

    def post(self, path, body=None, key=False):
        return ask("POST", f"{BASE}{GIVEAWAY}{path}", body, self.token, key)

    def get(self, path):
        return ask("GET", f"{BASE}{GIVEAWAY}{path}", token=self.token)

    def top_up(self, minor):
        made = self.post("/wallet/top-ups", {"amount": money(minor)}, key=True)
        path = re.sub(r"^https?://[^/]+", "", made["checkout_url"])
        ask("POST", f"{BANK}{path}", "", kind="application/x-www-form-urlencoded")
        until("a top-up", lambda: self.get(f"/wallet/top-ups/{made['id']}")["state"] == "paid")
        return made["id"]


def draft(title, products, count, **more):
    prizes = [{"product_id": product, "value": money(2_000), "count": count} for product in products]
    return {
        "title": title, "currency": CURRENCY, "prizes": prizes, "alternates": 5, "closes_at": soon(days=7),
        "lead_seconds": 0, "claim_seconds": 604_800, "disqualification_reasons": ["employee"], **more,
    }


def publish(host, draft):
    id = host.post("/giveaways", draft)["id"]
    host.post(f"/giveaways/{id}/publish", {}, key=True)
    until("publishing", lambda: host.get(f"/giveaways/{id}")["state"] == "open")
    return id


def csv(people):
    lines = ["entered_at,email,name,country,birth_year,ip,verified,referred_by"]
    lines += [f"{int(time.time())},{person}@example.org,{person},DE,1990,,true," for person in people]
    return "\n".join(lines) + "\n"


def mails(template):
    found, after = [], ""
    while after is not None:
        page = ask("GET", f"{BASE}/dev/mail.json?template={template}&limit=100{after}")
        found += page["items"]
        after = f"&after={page['next']}" if page.get("next") else None
    return found


def token_of(mail):
    return re.search(r"[?&]t=([A-Za-z0-9_.~-]+)", mail["text"]).group(1)


def bank(method, path, body=None):
    return ask(method, f"{BANK}/v1{path}", body, BANK_KEY, key=method == "POST")


def main():
    host, other = Host("Corner Café"), Host("Blocked Books")
    host.top_up(90_000)
    top_up = host.top_up(500)
    other.top_up(5_000)
    shop, inn, spare = Merchant("Book Shop"), Merchant("Old Inn"), Merchant("Spare Part")
    closing, closing_too = [Merchant(f"Closing {n}") for n in range(3)], [Merchant(f"Shut {n}") for n in range(3)]
    products = [shop.product, inn.product]

    # One giveaway whose draw is over, for whoever has won.
    drawn = publish(host, draft("Drawn at once", products, 9, closes_at=soon(seconds=12)))
    people = [f"person{n}" for n in range(60)]
    ask("POST", f"{BASE}{GIVEAWAY}/giveaways/{drawn}/entries/import", csv(people), host.token, kind="text/csv")
    running = publish(host, draft("Taking entries", products, 2))
    cancelled = [publish(host, draft(f"To be cancelled {n}", [shop.product], 1)) for n in range(3)]
    drafts = [host.post("/giveaways", draft(f"Draft {n}", [shop.product], 1))["id"] for n in range(4)]

    confirmations = []
    for n in range(4):
        new = {"email": f"entrant{n}@example.org", "country": "DE", "birth_year": 1990}
        ask("POST", f"{BASE}{GIVEAWAY}/giveaways/{running}/entries", new)
    until("mails to entrants", lambda: len(mails("confirm_entry")) >= 4)
    confirmations = [token_of(mail) for mail in mails("confirm_entry")]

    winners = until("the draw", lambda: host.get(f"/giveaways/{drawn}/winners")["items"])
    until("mails to winners", lambda: len(mails("winner")) >= len(winners))
    links = {mail["mail_id"].split(":")[1]: token_of(mail) for mail in mails("winner")}
    order = [winner["id"] for winner in winners if winner["id"] in links]
    to_claim, to_decline, to_disqualify, taken = order[:2], order[2:4], order[4:6], order[6:]

    # Cards in the hands of winners; those of the last two are for the API to reveal.
    cards, reveal_tokens = [], []
    for n, winner in enumerate(taken):
        claim = lambda: ask("POST", f"{BASE}{GIVEAWAY}/claims", {"token": links[winner]}).get("card")
        token = until("a card", claim)["reveal_token"]
        if n >= len(taken) - 2:
            reveal_tokens.append(token)
        else:
            cards.append(ask("POST", f"{BASE}{GIFTCARD}/cards/reveal", {"token": token}))
    by_shop = [card for card in cards if card["merchant_name"] == "Book Shop"]
    by_inn = [card for card in cards if card["merchant_name"] == "Old Inn"]
    code = by_shop[0]["code"]

    def redeem(merchant, card, minor, name):
        new = {"code": card["code"], "amount": money(minor), "external_id": name}
        return merchant.post("/redemptions", new, key=True)["id"]

    # A settlement that fails at the bank, one that is paid, and lines that wait for another.
    redeem(inn, by_inn[0], 900, "receipt-0")
    bank("POST", "/test/faults", {"fault": "pending_then_failed", "on": "transfers", "count": 1, "delay_ms": 0})
    failed = inn.post("/settlements", {"currency": CURRENCY}, key=True)["id"]
    until("a failed settlement", lambda: inn.get(f"/settlements/{failed}")["state"] == "failed")
    redeem(shop, by_shop[0], 300, "receipt-1")
    paid = shop.post("/settlements", {"currency": CURRENCY}, key=True)["id"]
    until("a paid settlement", lambda: shop.get(f"/settlements/{paid}")["state"] == "paid")
    attempts = shop.get(f"/settlements/{paid}/statement")["attempts"]
    redemptions = [redeem(shop, by_shop[0], 100, f"receipt-{n}") for n in range(2, 7)]
    authorisations = []
    for n in range(7):
        new = {"code": by_shop[1]["code"], "amount": money(100), "external_id": f"hold-{n}"}
        authorisations.append(shop.post("/authorisations", new, key=True)["id"])

    # Withdrawals, and money that nothing explains.
    for one in (host, other):
        ask("PUT", f"{BASE}{GIVEAWAY}/wallet/payout-destination", {"destination": f"acct_{one.id[-8:]}"}, one.token)
    withdrawal = host.post("/wallet/withdrawals", {"amount": money(500)}, key=True)["id"]
    until("a withdrawal", lambda: host.get(f"/wallet/withdrawals/{withdrawal}")["state"] == "paid")
    stray = {"amount_minor": 700, "currency": CURRENCY, "destination": f"acct_{other.id[-8:]}"}
    bank("POST", "/transfers", {"reference": f"wdr_{uuid.uuid4().hex}", **stray})
    strays = [bank("POST", "/transfers", {"reference": f"stray_{n}", **stray, "destination": "acct_nobody"})["id"] for n in range(3)]
    payments = []
    for n in range(3):
        checkout = bank("POST", "/checkouts", {"reference": f"somebody_{n}", "amount_minor": 900, "currency": CURRENCY})
        bank("POST", f"/test/checkouts/{checkout['id']}/pay")
    suspense = lambda: [item for item in ask("GET", f"{BASE}{GIVEAWAY}/admin/suspense", token=ADMIN)["items"] if item["kind"] == "payment"]
    payments = [item["provider_id"] for item in until("payments in suspense", lambda: len(suspense()) >= 3 and suspense())]
    until("stray transfers", lambda: len(ask("GET", f"{BASE}{GIFTCARD}/admin/suspense", token=ADMIN)["items"]) >= 3)
    until("a blocked wallet", lambda: other.get("/wallet/payout-destination")["is_blocked"])

    # Merchants that have closed, for whoever looks at that.
    ask("POST", f"{BASE}{GIFTCARD}/merchants/me/close", {}, closing[0].token, key=True)

    # Keys to revoke, and somebody who registered to be shut out.
    keys_of = lambda: {key["id"] for key in host.get("/api-keys")["items"]}
    in_use = keys_of()
    for _ in range(3):
        ask("POST", f"{BASE}{GIVEAWAY}/hosts/{host.id}/tokens", token=ADMIN)
    keys = sorted(keys_of() - in_use)
    form = urllib.parse.urlencode({"name": "Eve", "email": "eve@example.org", "password": "four words on paper"})
    ask("POST", f"{BASE}/register", form, kind="application/x-www-form-urlencoded")
    until("a mail to who registered", lambda: mails("verify_address"))
    registered = mails("verify_address")[0]["mail_id"].split(":")[1]

    letters = json.loads((FOLDER / "letters.json").read_text())
    event = {"id": f"evt_{uuid.uuid4().hex}", "type": "payment.paid", "created_at": soon(), "data": {"id": "pay_unknown", "reference": "somebody"}}
    note = {"note": "looked into"}
    entry = lambda n: {"email": f"late{n}@example.org", "name": "Ada", "country": "DE", "birth_year": 1980}
    in_query = {"currency": CURRENCY}

    def by(name, ids):
        return [{"path": {name: id}} for id in ids]

    requests = {
        "giveaway": {
            "createHost": [{"body": {"name": "Another", "email": "another@example.org"}}],
            "issueHostToken": by("id", [other.id]),
            "revokeApiKey": by("id", keys),
            "inviteSomebody": [{"body": {"email": "bo@example.org", "merchant_id": shop.id}}],
            "disableAccount": by("id", [registered]),
            "topUp": [{"body": {"amount": money(1_000)}}],
            "showTopUp": by("id", [top_up]),
            "showStatement": [{"query": in_query}, {"query": {**in_query, "limit": 1}}],
            "downloadStatement": [{"query": in_query}],
            "namePayoutDestination": [{"body": {"destination": "acct_new"}}],
            "withdraw": [{"body": {"amount": money(200)}}],
            "showWithdrawal": by("id", [withdrawal]),
            "draftGiveaway": [{"body": draft("Drafted", [shop.product], 1)}],
            "editGiveaway": [{"path": {"id": drafts[0]}, "body": {"title": "Another title"}}],
            "publishGiveaway": [{"path": {"id": id}, "body": {}} for id in drafts[1:3]],
            "cancelGiveaway": [{"path": {"id": id}, "body": {}} for id in cancelled],
            "showGiveaway": by("id", [drawn, running, drafts[3]]),
            "listOutcomes": by("id", [running]),
            "listWinners": by("id", [drawn]),
            "showAnalytics": by("id", [drawn]),
            "listEntries": by("id", [drawn, running]),
            "importEntries": [{"path": {"id": running}, "body": csv(["someone", "else"]), "kind": "text/csv"}],
            "showPublicGiveaway": by("id", [drawn, running]),
            "enter": [{"path": {"id": running}, "body": entry(n)} for n in range(3)],
            "confirmEntry": [{"body": {"token": token}} for token in confirmations],
            "showManifest": by("id", [drawn]),
            "showTranscript": by("id", [drawn]),
            "claimPrize": [{"body": {"token": links[winner]}} for winner in to_claim],
            "declinePrize": [{"body": {"token": links[winner]}} for winner in to_decline],
            "resendClaimLink": [{"body": {"token": links[to_claim[0]]}}, {"body": {"giveaway_id": drawn, "email": "person1@example.org"}}],
            "receiveProviderEvent": [{"body": event}],
            "disqualifyWinner": [
                {"path": {"id": drawn, "winner": winner}, "body": {"reason": "employee", "evidence_digest": hashlib.sha256(b"evidence").hexdigest()}}
                for winner in to_disqualify
            ],
            "assignPayment": [{"path": {"payment_id": id}, "body": {"host_id": other.id, **note}} for id in payments],
            "resolveWithdrawal": [{"path": {"id": withdrawal}, "body": {"reason": "looked into"}}],
            "unblockPayouts": by("id", [other.id]),
        },
        "giftcard": {
            "registerMerchant": [{"body": {"name": "Another", "email": "a@example.org", "payout_destination": "acct_another"}}],
            "issueMerchantToken": by("id", [spare.id]),
            "namePayoutDestination": [{"body": {"destination": "acct_new"}}],
            "namePayoutDestinationFor": [{"path": {"id": spare.id}, "body": {"destination": "acct_newer", **note}}],
            "closeMerchant": [{"body": {}} for _ in range(4)],
            "closeMerchantFor": [{"path": {"id": merchant.id}, "body": note} for merchant in closing_too],
            "showClosingFor": by("id", [closing[0].id]),
            "createProduct": [{"body": {"name": "Tea", "currency": CURRENCY, "min_minor": 100, "max_minor": 500}}],
            "closeProduct": by("id", [spare.product]),
            "authorise": [{"body": {"code": code, "amount": money(50), "external_id": "table-1"}}],
            "captureAuthorisation": [{"path": {"id": authorisations[0]}, "body": {}}, {"path": {"id": authorisations[1]}, "body": {"amount": money(40), "external_id": "captured-1"}}],
            "releaseAuthorisation": [{"path": {"id": id}, "body": {}} for id in authorisations[2:4]],
            "showAuthorisation": by("id", authorisations[:2]),
            "listAuthorisations": [{"query": {"external_id": "hold-6"}}, {"query": {"limit": 2}}],
            "checkBalance": [{"body": {"code": code}}],
            "revealCard": [{"body": {"token": token}} for token in reveal_tokens],
            "redeem": [{"body": {"code": code, "amount": money(20), "external_id": "receipt-99"}}],
            "listRedemptions": [{"query": {"external_id": "receipt-1"}}, {"query": {"limit": 1}}],
            "showRedemption": by("id", redemptions[:2]),
            "reverseRedemption": [{"path": {"id": redemptions[0]}, "body": {}}, {"path": {"id": redemptions[1]}, "body": {"amount": money(10)}}],
            "requestSettlement": [{"body": {"currency": CURRENCY}}],
            "showSettlement": by("id", [paid]),
            "showSettlementStatement": by("id", [paid]),
            "downloadSettlementStatement": by("id", [paid]),
            "receiveProviderEvent": [{"body": {**event, "type": "transfer.paid"}}],
            "acceptTransfer": [{"path": {"provider_id": id}, "body": note} for id in strays],
            "cancelSettlement": [{"path": {"id": failed}, "body": note}],
            "voidCard": [{"path": {"id": card["card_id"]}, "body": note} for card in by_inn[1:3]],
            "resolveAttempt": [{"path": {"provider_ref": attempt["provider_ref"]}, "body": {"reason": "looked into"}} for attempt in attempts],
        },
        "calls": {
            "showCall": by("id", letters),
            "replayDeadLetter": by("id", letters[:1]),
            "discardDeadLetter": by("id", letters[1:2]),
        },
    }
    world = {
        "tokens": {"operator": ADMIN, "host": host.token, "merchant": shop.token},
        # Whoever closes closes for good: that is done to merchants that nobody needs.
        "own_tokens": {"closeMerchant": [merchant.token for merchant in closing[1:]], "showClosing": [closing[0].token]},
        "webhook_secret": (FOLDER / "bank/webhook-secret").read_text().strip(),
        "requests": requests,
    }
    pathlib.Path(RESULT).write_text(json.dumps(world))


main()
