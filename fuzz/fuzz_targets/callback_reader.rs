//! A text from a browser or a user, which is read as the authorization response. `$` is a gap for the state.
#![no_main]

use keymint_domain::{AuthorizationResponse, Callback};
use keymint_fuzz::{PENDING, STATE, STATE_GAP, fill_in};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let text = fill_in(input.as_bytes(), &[(STATE_GAP, &STATE)]);
    let text = str::from_utf8(&text).expect("the state is ASCII");
    let knows_the_state = input.as_bytes().contains(&STATE_GAP);

    let called_back = check(PENDING.read_callback(text), knows_the_state);
    let pasted = check(PENDING.read_pasted(text), knows_the_state);
    let with_origin = check(PENDING.read_pasted(&format!("http://localhost:5000{text}")), knows_the_state);

    if let Some(response) = called_back {
        assert!(text.starts_with("/auth/callback?"), "the path is that of the redirect URI");
        // Characters that are removed from a pasted text can be a part of a callback.
        let has_additions = text.contains(['#', '"', '\'', '`', '<', '>', ' ']) || text.contains("&amp;");
        if !has_additions {
            assert_eq!(pasted.as_ref(), Some(&response), "the path and the query were pasted");
            assert_eq!(with_origin.as_ref(), Some(&response), "the URL was pasted");
        }
    }
});

/// Returns a description of the response, if the text is one.
fn check(read: Callback, knows_the_state: bool) -> Option<String> {
    let Callback::Response(response) = read else {
        return None;
    };
    assert!(knows_the_state, "{response:?} without the state");
    Some(match response {
        AuthorizationResponse::Granted(code) => {
            let code = code.expose();
            assert!(!code.is_empty() && code.bytes().all(|byte| matches!(byte, 0x20..=0x7e)), "{code:?}");
            format!("granted {code}")
        }
        AuthorizationResponse::Denied { error, description } => {
            assert!(!error.is_empty());
            let texts = [Some(error.as_str()), description.as_deref()];
            assert!(!texts.into_iter().flatten().any(|text| text.contains(char::is_control)));
            format!("{texts:?}")
        }
        other => format!("{other:?}"),
    })
}
