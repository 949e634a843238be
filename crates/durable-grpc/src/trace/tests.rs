use proptest::prelude::*;

use super::*;

const SENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn headers(entries: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in entries {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

#[test]
fn contexts_are_read_as_the_specification_says() {
    fn check(text: &str, written: Option<&str>) {
        let read = SpanContext::parse(text).map(SpanContext::header_value);
        assert_eq!(read.as_ref().map(|value| value.to_str().unwrap()), written, "{text}");
    }
    check(SENT, Some(SENT));
    check(&SENT.replace("-01", "-00"), Some(&SENT.replace("-01", "-00")));
    // What later versions add is not passed on: we speak version 0.
    check(&SENT.replace("-01", "-ff"), Some(&SENT.replace("-01", "-03")));
    check(&SENT.replacen("00-", "01-", 1), Some(SENT));
    check(&format!("{}-later", SENT.replacen("00-", "01-", 1)), Some(SENT));

    check("", None);
    check("00", None);
    check(&SENT.replacen("00-", "ff-", 1), None);
    check(&format!("{SENT}-later"), None);
    check(&format!("{}later", SENT.replacen("00-", "01-", 1)), None);
    check(&SENT.to_uppercase(), None);
    check(&SENT.replace('-', "_"), None);
    check(&SENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)), None);
    check(&SENT.replace("b7ad6b7169203331", &"0".repeat(16)), None);
    check(&SENT.replace("-01", "-0g"), None);
    check(&SENT.replace("-01", "-+1"), None);
    check("00-é0f7651916cd43dd8448eb211c80319-b7ad6b7169203331-01x", None);
    assert_eq!(SpanContext::of(&headers(&[("traceparent", SENT), ("traceparent", SENT)])), None);
}

#[test]
fn each_span_names_the_one_before() {
    let asked = headers(&[("traceparent", SENT), ("tracestate", "a=1"), ("tracestate", "b=2")]);
    let call = Joined::for_caller(&asked);
    let sent = headers(&[("traceparent", call.context.header_value().to_str().unwrap())]);
    let handler = Joined::for_handler(&sent, true).unwrap();

    assert_eq!(call.parent, Some(0xb7ad_6b71_6920_3331));
    assert_eq!(call.state, ["a=1", "b=2"]);
    assert_eq!(handler.parent, Some(call.context.span_id));
    assert_eq!(handler.context.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert_ne!(handler.context.span_id, call.context.span_id);
    assert_eq!(handler.context.flags, 1);
}

#[test]
fn whoever_is_part_of_nothing_starts_a_trace() {
    // A state without a context belongs to nothing.
    let nothing = headers(&[("traceparent", "nonsense"), ("tracestate", "a=1")]);
    let (one, two) = (Joined::for_caller(&nothing), Joined::for_caller(&nothing));
    assert_ne!(one.context.trace_id, two.context.trace_id);
    assert_eq!((one.parent, &one.state[..]), (None, &[][..]));
    assert_eq!(one.context.flags, SAMPLED | RANDOM);
    assert!(Joined::for_handler(&nothing, true).is_some());
    assert!(Joined::for_handler(&nothing, false).is_none(), "a query need not be traced");
}

#[test]
fn a_state_beyond_the_customary_is_dropped() {
    let long = "a=".to_owned() + &"x".repeat(MAX_TRACESTATE_BYTES);
    let joined = Joined::for_caller(&headers(&[("traceparent", SENT), ("tracestate", &long)]));
    assert!(joined.parent.is_some() && joined.state.is_empty());
}

#[tokio::test]
async fn calls_of_a_handler_continue_its_span_unless_they_say_otherwise() {
    let asked = headers(&[("traceparent", SENT), ("tracestate", "a=1")]);
    let handler = Joined::for_handler(&asked, true).unwrap();
    let (inherited, own) = within(Some(handler.clone()), async {
        let own = headers(&[("traceparent", &SENT.replace("0af7", "1af7"))]);
        (Joined::for_caller(&HeaderMap::new()), Joined::for_caller(&own))
    })
    .await;
    assert_eq!(inherited.context.trace_id, handler.context.trace_id);
    assert_eq!(inherited.parent, Some(handler.context.span_id));
    assert_eq!(inherited.state, ["a=1"]);
    assert_ne!(own.context.trace_id, handler.context.trace_id);
    assert!(Joined::for_caller(&HeaderMap::new()).parent.is_none(), "the handler is over");
}

proptest! {
    #[test]
    fn what_is_written_is_read(trace_id in 1u128.., span_id in 1u64.., flags in 0u8..4) {
        let context = SpanContext { trace_id, span_id, flags };
        let text = context.header_value();
        prop_assert_eq!(SpanContext::parse(text.to_str().unwrap()), Some(context));
    }

    #[test]
    fn no_text_breaks_it(text in ".{0,60}", tail in "[0-9a-f-]{40,60}") {
        _ = SpanContext::parse(&text);
        _ = SpanContext::parse(&tail);
    }
}
