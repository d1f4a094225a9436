use std::collections::BTreeSet;

use super::*;

/// Paths of a router. The framework shows them in its debugging output and nowhere else; if that changes, nothing is found
/// and the test fails.
fn paths(router: &Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let texts = shown.split('"').skip(1).step_by(2);
    texts.filter(|text| text.starts_with('/')).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_route_is_described_and_every_description_has_a_route() {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::defaults().unwrap();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data_dir = data.path().join("data");
    let bound = Bound::new(config).await.unwrap();
    let routes = paths(&bound.app.borrow());
    let document: serde_json::Value =
        serde_json::from_str(include_str!("signalling/describe/openapi.json")).unwrap();
    let described: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    for route in &routes {
        // The same resources without their prefix; the framework's own fallbacks.
        let alias = route.starts_with("/v1/");
        let fallback =
            route == "/" || route.ends_with("/v1") || route.ends_with("/v1/") || route.contains("__private");
        assert!(alias || fallback || described.contains(route), "{route} is not described");
    }
    // Of a server that has loaded its models: asked for by their address in the tests of the whole server.
    let later = ["/readyz", "/socket.io/oauth2/token"];
    for path in described.iter().filter(|path| !later.contains(&path.as_str())) {
        assert!(routes.contains(path), "{path} is described, but there is no such route: {routes:?}");
    }
}
