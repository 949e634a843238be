//! Merchants, products, escrows, cards, redemptions and settlements.
