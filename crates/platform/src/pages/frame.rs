//! What every page has around it. The layout is `pages/base.html` in this crate, which the templates of the
//! applications extend.

use std::sync::LazyLock;

use crate::http::asset_url;

/// What the layout needs of every page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// No real money moves: every page says so.
    pub is_test: bool,
    /// Where the style sheet is.
    pub style: &'static str,
    /// Where the icon is.
    pub icon: &'static str,
    /// Where the scripts are: our elements, and nothing that a page needs in order to work.
    pub script: &'static str,
    /// Where htmx is, for pages that use it.
    pub htmx: &'static str,
}

static URLS: LazyLock<[String; 4]> = LazyLock::new(|| {
    ["handsel.css", "handsel.svg", "js/handsel.js", "vendor/htmx/htmx.min.js"].map(asset_url)
});

impl Frame {
    /// The frame of a page, in test mode or not.
    pub fn new(is_test: bool) -> Self {
        let [style, icon, script, htmx] = &*URLS;
        Self { is_test, style, icon, script, htmx }
    }
}

/// Of a page that knows nothing of the mode, such as one that only says what went wrong.
impl Default for Frame {
    fn default() -> Self {
        Self::new(false)
    }
}
