//! The header whose lines Envoy joins on receipt, so that no filter sees how many there were.

use peergate_cli::fixture::RequestSpec;

/// Of the headers that Envoy joins (its inline headers), the one that sources read.
const NAME: &[u8] = b"x-forwarded-client-cert";

/// The request as filters see it: lines of the header joined with `,`, empty ones dropped, in the place
/// of the first. `None` if there is at most one line.
pub(super) fn joined(request: &RequestSpec) -> Option<RequestSpec> {
    let is_inline = |name: &[u8]| name.eq_ignore_ascii_case(NAME);
    let lines = request.headers.iter().filter(|(name, _)| is_inline(name));
    let values: Vec<&[u8]> = lines.map(|(_, value)| value.as_slice()).collect();
    if values.len() < 2 {
        return None;
    }
    let full: Vec<&[u8]> = values.into_iter().filter(|value| !value.is_empty()).collect();
    let mut value = Some(full.join(&b","[..]));
    let mut out = request.clone();
    out.headers = request
        .headers
        .iter()
        .filter_map(|(name, own)| {
            let own = if is_inline(name) { value.take()? } else { own.clone() };
            Some((name.clone(), own))
        })
        .collect();
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &[(&str, &str)]) -> RequestSpec {
        let bytes = |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let headers = lines.iter().map(bytes).collect();
        RequestSpec { method: b"GET".to_vec(), target: b"/".to_vec(), headers, connection: None }
    }

    #[test]
    fn lines_are_joined_in_the_place_of_the_first() {
        let lines = [
            ("a", "1"),
            ("x-forwarded-client-cert", ""),
            ("b", ""),
            ("X-Forwarded-Client-Cert", "c"),
            ("x-forwarded-client-cert", "d"),
            ("b", "2"),
        ];
        let expected = [("a", "1"), ("x-forwarded-client-cert", "c,d"), ("b", ""), ("b", "2")];
        assert_eq!(joined(&request(&lines)), Some(request(&expected)));
        assert_eq!(joined(&request(&lines[..3])), None);
    }
}
