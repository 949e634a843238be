//! What everything is called.

platform::ids! {
    /// A merchant, who redeems cards and is paid for it.
    MerchantId = "mer";
    /// A kind of card that a merchant offers.
    ProductId = "prd";
    /// A publishing in giveaway-api, which reserves the escrows of all its prizes.
    SagaId = "sga";
    /// The funds of one prize.
    EscrowId = "esc";
    /// A winner in giveaway-api.
    WinnerId = "win";
    /// A card.
    CardId = "crd";
    /// A redemption of a card, in whole or in part.
    RedemptionId = "rdm";
    /// A redemption taken back, in whole or in part.
    ReversalId = "rev";
    /// What a voided card had left, on its way back to the host.
    VoidId = "voi";
    /// An amount of a card that is set aside for a till.
    AuthorisationId = "aut";
    /// A payout to a merchant.
    SettlementId = "stl";
    /// A bearer token.
    TokenId = "tok";
}
