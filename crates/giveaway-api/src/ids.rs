//! What this service names, and what it knows by the names of others.

platform::ids! {
    /// A host: who runs giveaways.
    HostId = "hst";
    /// Somebody who signs in.
    AccountId = "acc";
    /// A browser that is signed in.
    SessionId = "ses";
    /// A key of the API.
    KeyId = "key";
    /// An invitation to take a role.
    InvitationId = "inv";
    /// A giveaway; its draw has the same id.
    GiveawayId = "gvw";
    /// A line of a giveaway's prizes: so many cards of one product and value.
    PrizeId = "prz";
    /// One prize that one winner gets.
    UnitId = "unt";
    /// An entry.
    EntryId = "ent";
    /// A selection of a person as the winner of a unit.
    WinnerId = "win";
    /// An attempt to publish a giveaway.
    SagaId = "sga";
    /// Some of a saga's escrows, reserved by one call.
    BatchId = "sgb";
    /// The funds of one prize unit, kept by giftcard-api.
    EscrowId = "esc";
    /// A gift card.
    CardId = "crd";
    /// A merchant.
    MerchantId = "mer";
    /// A card product.
    ProductId = "prd";
    /// What a voided card had left, on its way back.
    VoidId = "voi";
    /// A top-up of a wallet.
    TopUpId = "top";
    /// A withdrawal from a wallet; its transfer has the same reference.
    WithdrawalId = "wdr";
}
