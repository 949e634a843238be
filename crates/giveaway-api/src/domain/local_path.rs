//! Where to go on after signing in: a path of ours, and never the site of somebody else.

/// The longest path that is taken along.
const MAX_BYTES: usize = 500;

/// The path, if it leads to a page here. Browsers read `//` and `/\` as the beginning of another host.
pub fn local_path(given: &str) -> Option<&str> {
    let is_local = given.len() <= MAX_BYTES
        && given.starts_with('/')
        && !given.starts_with("//")
        && given.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    is_local.then_some(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_taken() {
        fn check(given: &str, expected: bool) {
            assert_eq!(local_path(given).is_some(), expected, "{given:?}");
        }
        check("/", true);
        check("/account", true);
        check("/wallet?after=3&x=/y#top", true);
        check("", false);
        check("account", false);
        check("https://evil.example/", false);
        check("//evil.example/", false);
        check("/\\evil.example/", false);
        check("/x\\y", false);
        check("/\t/evil.example", false);
        check("/x\r\nset-cookie: a=b", false);
        check("/ä", false);
        check("javascript:alert(1)", false);
        check(&format!("/{}", "a".repeat(500)), false);
    }
}
