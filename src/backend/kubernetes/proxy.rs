//! Which proxy the environment means for a server. kube compares NO_PROXY with the proxy's own address, so this is decided here, by the
//! rules of Go's `net/http`, which kubectl goes by.

use std::net::IpAddr;

use http::Uri;

/// The proxy for `server`, by HTTPS_PROXY (or HTTP_PROXY for a server without TLS) and NO_PROXY; the small names count too.
pub fn of_environment(server: &Uri, environment: impl Fn(&str) -> Option<String>) -> Option<Uri> {
    let read = |name: &str| {
        let value = environment(name).filter(|value| !value.is_empty());
        value.or_else(|| environment(&name.to_lowercase()).filter(|value| !value.is_empty()))
    };
    let proxy = read(if server.scheme_str() == Some("http") { "HTTP_PROXY" } else { "HTTPS_PROXY" })?;
    let host = server.host()?.trim_matches(['[', ']']).to_lowercase();
    let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_here || read("NO_PROXY").is_some_and(|list| list.split(',').any(|entry| excepts(entry.trim(), &host, port))) {
        return None;
    }
    let with_scheme = if proxy.contains("://") { proxy } else { format!("http://{proxy}") };
    with_scheme.parse().ok()
}

/// `*`, a host, `.its.domain`, an address or a network of them; all but the network may have a port.
fn excepts(entry: &str, host: &str, port: u16) -> bool {
    let entry = entry.to_lowercase();
    if entry.is_empty() {
        return false;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        let network = network.parse::<IpAddr>().ok().zip(bits.parse::<u32>().ok());
        return network.zip(host.parse().ok()).is_some_and(|((network, bits), host)| is_within(host, network, bits));
    }
    let (name, wanted) = match entry.rsplit_once(':') {
        Some((name, digits)) if !name.contains(':') || name.ends_with(']') => (name, digits.parse::<u16>().ok()),
        Some(_) | None => (entry.as_str(), None),
    };
    if wanted.is_some_and(|wanted| wanted != port) {
        return false;
    }
    let name = name.trim_matches(['[', ']']).trim_start_matches('*');
    let domain = name.trim_start_matches('.');
    let is_below = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    name.is_empty() || (host == domain && !name.starts_with('.')) || (is_below && host.parse::<IpAddr>().is_err())
}

fn is_within(host: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (host, network) {
        (IpAddr::V4(host), IpAddr::V4(network)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            host.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(host), IpAddr::V6(network)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            host.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(server: &str, no_proxy: &str) -> Option<String> {
        let environment = |name: &str| match name {
            "https_proxy" => Some("proxy.corp:3128".to_owned()),
            "NO_PROXY" => Some(no_proxy.to_owned()),
            _ => None,
        };
        of_environment(&server.parse().unwrap(), environment).map(|proxy| proxy.to_string())
    }

    #[test]
    fn a_server_goes_through_the_proxy_unless_it_is_excepted() {
        let through = Some("http://proxy.corp:3128/".to_owned());
        for (server, no_proxy, expected) in [
            ("https://prod.example.com:6443", "", through.clone()),
            ("https://prod.example.com:6443", "other.com,prod", through.clone()),
            ("https://prod.example.com:6443", "a, example.com", None),
            ("https://prod.example.com:6443", ".example.com", None),
            ("https://example.com:6443", ".example.com", through.clone()),
            ("https://badexample.com:6443", "example.com", through.clone()),
            ("https://prod.example.com:6443", "prod.example.com:6443", None),
            ("https://prod.example.com:6443", "prod.example.com:443", through.clone()),
            ("https://10.1.2.3:6443", "10.1.0.0/16", None),
            ("https://10.2.2.3:6443", "10.1.0.0/16,10.2.2.4", through.clone()),
            ("https://10.2.2.3:6443", "10.2.2.3", None),
            ("https://[fd00::1]:6443", "fd00::/8", None),
            ("https://[fd00::1]:6443", "fd00::1", None),
            ("https://prod.example.com:6443", "*", None),
            ("https://127.0.0.1:16443", "", None),
            ("https://localhost:16443", "", None),
            // Named, it would be the proxy itself that is excepted; the server is not.
            ("https://prod.example.com:6443", "proxy.corp", through.clone()),
            ("http://prod.example.com:8080", "", None),
        ] {
            assert_eq!(proxy(server, no_proxy), expected, "{server} with NO_PROXY={no_proxy}");
        }
    }
}
