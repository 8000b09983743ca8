//! A Compose project on the real engine: `web` on some instances, and an nginx in front that sends to their shared name.

use std::{
    net::SocketAddr,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::stand::{Home, Stand, until};

const SOCKET: &str = "/var/run/docker.sock";
const DEMANDED: &str = "MIDWATCH_TEST_DOCKER";

/// What is sent to one that has just gone is on a wire without an end: how long it stays there before another one gets it is the proxy's to
/// say.
const PROXY: &str = "upstream web {\n    server web:8080;\n}\nserver {\n    listen 80;\n    location / {\n        proxy_pass http://web;\n        proxy_next_upstream NEXT;\n        proxy_connect_timeout 1s;\n    }\n}\n";
const PLAIN: &str = "server {\n    listen 80;\n    location / {\n        proxy_pass http://web:8080;\n        proxy_connect_timeout 1s;\n    }\n}\n";

/// What the proxy does with a request that an instance did not answer.
#[derive(Clone, Copy)]
pub enum Tries {
    /// It fails, so that nothing is glossed over.
    Once,
    /// As nginx does unless it is told otherwise: another one gets it. What a release that dies had in hand is not lost then.
    AsUsual,
    /// The same, by a proxy that has no block for its servers and knows them by their name alone.
    ByName,
}

pub struct Project {
    name: String,
    home: Home,
    door: SocketAddr,
}

impl Project {
    /// `None`, loudly, where no engine with the images answers and none was demanded.
    pub fn open(case: &str, instances: u32, tries: Tries) -> Option<Self> {
        if !try_docker(&["image", "inspect", "lab/shop:v1", "lab/stack"]).0 {
            assert!(std::env::var_os(DEMANDED).is_none(), "{DEMANDED} demands a real engine with the lab's images");
            eprintln!("SKIPPED {case}: no real Docker Engine with the lab's images here");
            return None;
        }
        static PROJECTS: AtomicU32 = AtomicU32::new(0);
        let name = format!("mwroll-{}-{}", std::process::id(), PROJECTS.fetch_add(1, Ordering::Relaxed));
        docker(&["network", "create", &format!("{name}_default")]);
        let home = Home::new(vec![("DOCKER_HOST", format!("unix://{SOCKET}"))]);
        let mut project = Self { name, home, door: ([127, 0, 0, 1], 80).into() };
        for number in 1..=instances {
            project.start("web", number, &["lab/shop:v1"]);
        }
        until("the first release to be healthy", || (project.runs().len() == instances as usize).then_some(()));
        let configuration = match tries {
            Tries::Once => PROXY.replace("NEXT", "off"),
            Tries::AsUsual => PROXY.replace("NEXT", "error timeout"),
            Tries::ByName => PLAIN.to_owned(),
        };
        let proxy = format!(
            "rm -f /etc/nginx/sites-enabled/default; printf '{configuration}' > /etc/nginx/conf.d/shop.conf; exec nginx -g 'daemon off;'"
        );
        project.start("proxy", 1, &["lab/stack", "sh", "-c", &proxy]);
        let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = docker(&["inspect", "-f", address, &project.container("proxy", 1)]);
        project.door = format!("{address}:80").parse().expect("an address");
        until("the proxy to answer", || std::net::TcpStream::connect(project.door).ok());
        Some(project)
    }

    fn container(&self, service: &str, number: u32) -> String {
        format!("{}-{service}-{number}", self.name)
    }

    fn start(&self, service: &str, number: u32, rest: &[&str]) {
        let (name, network) = (self.container(service, number), format!("{}_default", self.name));
        let labels = [
            format!("com.docker.compose.project={}", self.name),
            format!("com.docker.compose.service={service}"),
            format!("com.docker.compose.container-number={number}"),
            "com.docker.compose.oneoff=False".to_owned(),
            "com.docker.compose.config-hash=9f2c41aabbccdd".to_owned(),
        ];
        let mut arguments = vec!["run", "-d", "--name", &name, "--network", &network, "--network-alias", service];
        arguments.extend(labels.iter().flat_map(|label| ["--label", label]));
        arguments.extend(rest);
        docker(&arguments);
    }

    fn containers(&self, format: &str) -> Vec<String> {
        let project = format!("label=com.docker.compose.project={}", self.name);
        let web = "label=com.docker.compose.service=web";
        let listed = docker(&["ps", "-a", "--no-trunc", "--filter", &project, "--filter", web, "--format", format]);
        listed.lines().map(str::to_owned).collect()
    }
}

impl Stand for Project {
    fn address(&self) -> String {
        format!("{}/web", self.name)
    }

    fn door(&self) -> (SocketAddr, String) {
        (self.door, "/".into())
    }

    fn home(&self) -> &Home {
        &self.home
    }

    fn runs(&self) -> Vec<String> {
        let lines = self.containers("{{.Image}} {{.Status}}");
        lines
            .iter()
            .filter(|line| line.contains("(healthy)"))
            .map(|line| line.split(' ').next().unwrap_or_default().into())
            .collect()
    }

    fn leftovers(&self) -> Vec<String> {
        let names = self.containers("{{.Names}} {{.State}}");
        let is_own = |name: &str| {
            let number =
                name.strip_prefix(&format!("{}-web-", self.name)).and_then(|rest| rest.strip_suffix(" running"));
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        names.into_iter().filter(|name| !is_own(name)).collect()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // Also what keeps images and leases, which bears no label of Compose's.
        for filter in
            [format!("label=com.docker.compose.project={}", self.name), format!("label=midwatch.scope={}", self.name)]
        {
            let (_, ids) = try_docker(&["ps", "-aq", "--filter", &filter]);
            if !ids.is_empty() {
                try_docker(&[&["rm", "-f", "-v"], &ids.split_whitespace().collect::<Vec<_>>()[..]].concat());
            }
            let (_, volumes) = try_docker(&["volume", "ls", "-q", "--filter", &filter]);
            if !volumes.is_empty() {
                try_docker(&[&["volume", "rm", "-f"], &volumes.split_whitespace().collect::<Vec<_>>()[..]].concat());
            }
        }
        try_docker(&["network", "rm", &format!("{}_default", self.name)]);
    }
}

fn docker(arguments: &[&str]) -> String {
    let (is_well, said) = try_docker(arguments);
    assert!(is_well, "docker {arguments:?}: {said}");
    said
}

fn try_docker(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("docker").args(arguments).output().expect("the docker CLI runs");
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}
