//! nginx in front of a service, under a steady load: that requests go where a step says, that none is lost on the way, and that nothing
//! is left behind by what fails.

mod names;

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use midwatch::{
    backend::{Backend, StepError},
    domain::{ClusterName, InstanceId, Means, Route, ServiceId, Trouble},
    message::{Answer, Question},
    plan::{Group, Step, Traffic},
};

use crate::{
    docker::{DockerStage, IMAGE, docker, is_demanded, swept},
    stage::Stage,
};

const FILE: &str = "/etc/nginx/conf.d/shop.conf";
const PROXY: &str = "lab/stack";
const PATIENCE: Duration = Duration::from_secs(90);
/// Takes nothing more when it is told to end, and ends a moment later.
const SERVES: &str = "mkdir /www; hostname > /www/index.html; echo fine > /www/health; httpd -f -p 8080 -h /www & trap 'kill $!; sleep 0.5; \
                      exit 0' TERM; wait $!";
/// Requests a second, from four threads.
const RATE: u32 = 100;
const THREADS: u32 = 4;

/// The blocks's text, as a person would write it.
fn configuration(body: &str) -> String {
    format!(
        "# it's {{ the shop\nupstream back {{{body}}}\nserver {{\n    listen 8000;\n    location / {{\n        proxy_pass http://back;\n    \
         }}\n}}\nupstream other {{ server 127.0.0.1:1; }}\n"
    )
}

const BODY: &str = "\n    server web:8080 max_fails=0;   # by name\n    keepalive 4;\n";

/// A Compose project of its own: two instances of `web`, and an nginx in front of them.
pub struct Shop {
    stage: DockerStage,
    pub backend: Arc<dyn Backend>,
    pub service: ServiceId,
    network: String,
    pub instances: Vec<InstanceId>,
    files: tempfile::TempDir,
}

impl Shop {
    pub async fn open(case: &str) -> Option<Self> {
        let stage = DockerStage::open(case).await?;
        let dyn_stage: &dyn Stage = &stage;
        let backend = dyn_stage.backend().await;
        let network = format!("{}-net", stage.prefix);
        docker(&["network", "create", "--label", &format!("{}=1", stage.prefix), &network]);
        let scope = stage.prefix.as_str().into();
        let service = ServiceId::new(&stage.cluster(), &scope, "web");
        let files = tempfile::tempdir().expect("a directory");
        let mut shop = Self { stage, backend, service, network, instances: Vec::new(), files };
        for number in [1, 2] {
            let id =
                shop.run(&format!("web-{number}"), "web", &["--network-alias", "web"], &[IMAGE, "sh", "-c", SERVES]);
            shop.instances.push(InstanceId::new(&shop.stage.cluster(), id));
        }
        for name in ["web-1", "web-2"] {
            shop.ready(name);
        }
        Some(shop)
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.stage.prefix)
    }

    /// A container of the project.
    pub fn run(&self, name: &str, service: &str, arguments: &[&str], command: &[&str]) -> String {
        let prefix = &self.stage.prefix;
        let labels = [
            format!("{prefix}=1"),
            format!("com.docker.compose.project={prefix}"),
            format!("com.docker.compose.service={service}"),
        ];
        let name = self.name(name);
        let mut all = vec!["run", "-d", "--name", &name, "--network", &self.network, "--stop-timeout", "1"];
        labels.iter().for_each(|label| all.extend(["--label", label]));
        all.extend(arguments);
        all.extend(command);
        docker(&all)
    }

    /// nginx with this configuration; its address.
    fn proxy(&self, configuration: &str, manner: &str) -> String {
        let file = self.files.path().join("shop.conf");
        std::fs::write(&file, configuration).expect("it is written");
        let mount = format!("{}:{FILE}{manner}", file.display());
        self.run("proxy", "proxy", &["-v", &mount], &[PROXY, "nginx", "-g", "daemon off;"]);
        let address =
            docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &self.name("proxy")]);
        self.answers(format!("{address}:8000"))
    }

    fn answers(&self, address: String) -> String {
        let began = Instant::now();
        while get(&address).is_err() {
            assert!(began.elapsed() < PATIENCE, "{}", docker(&["logs", &self.name("proxy")]));
            std::thread::sleep(Duration::from_millis(50));
        }
        address
    }

    fn ready(&self, name: &str) {
        self.until(name, &["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/health"]);
    }

    /// Until this ends well in the container.
    pub fn until(&self, name: &str, command: &[&str]) {
        let began = Instant::now();
        let container = self.name(name);
        let command = [&["exec", &container], command].concat();
        while !Command::new("docker").args(&command).output().is_ok_and(|output| output.status.success()) {
            assert!(began.elapsed() < PATIENCE, "{command:?} does not end well");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.files.path().join("shop.conf")).expect("it is there")
    }

    pub async fn means(&self) -> Means {
        match self.backend.query(Question::Means(self.service.clone())).await {
            Ok(Answer::Means(means)) => *means,
            other => panic!("{other:?}"),
        }
    }

    async fn route(&self) -> Route {
        let means = self.means().await;
        let [route] = means.routes.as_slice() else { panic!("{means:?}") };
        route.clone()
    }

    pub async fn execute(&self, step: Step) -> Result<(), StepError> {
        self.backend.execute(step, Arc::new(|_| {})).await
    }

    async fn shift(&self, route: &Route, to: Traffic) -> Result<(), StepError> {
        self.execute(Step::Shift { service: self.service.clone(), route: route.clone(), to }).await
    }

    fn weights(&self, weights: [u32; 2]) -> Traffic {
        Traffic::Instances(self.instances.iter().cloned().zip(weights).collect())
    }

    /// As each answers: by its hostname.
    fn hostnames(&self) -> [String; 2] {
        [0, 1].map(|index: usize| self.instances[index].key[..12].to_owned())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let filter = format!("label={}=1", self.stage.prefix);
        swept(&["ps", "-aq", "--filter", &filter], &["rm", "-f", "-v"]);
        swept(&["network", "ls", "-q", "--filter", &filter], &["network", "rm"]);
    }
}

fn failed(result: Result<(), StepError>) -> Trouble {
    match result {
        Err(StepError::Failed(trouble)) => trouble,
        other => panic!("{other:?}"),
    }
}

/// The body of what answers 200.
fn get(address: &str) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).map_err(told)?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(told)?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: shop\r\n\r\n").map_err(told)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(told)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.trim().to_owned()),
        _ => Err(format!("'{answer}'")),
    }
}

/// Who answered each request, and when it began.
type Asked = Vec<(Instant, Result<String, String>)>;

struct Load {
    asked: Arc<Mutex<Asked>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn on(address: &str) -> Self {
        let (asked, stop) = (Arc::<Mutex<Asked>>::default(), Arc::<AtomicBool>::default());
        let threads = (0..THREADS).map(|_| {
            let (address, asked, stop) = (address.to_owned(), asked.clone(), stop.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let answer = get(&address);
                    asked.lock().expect("nobody panics with it").push((began, answer));
                    std::thread::sleep((Duration::from_secs(1) * THREADS / RATE).saturating_sub(began.elapsed()));
                }
            })
        });
        Self { threads: threads.collect(), asked, stop }
    }

    /// Who answered the next so many requests that begin from now on.
    async fn next(&self, count: usize) -> Vec<String> {
        let (from, began) = (Instant::now(), Instant::now());
        loop {
            let asked = self.asked.lock().expect("nobody panics with it").clone();
            let since: Vec<String> =
                asked.into_iter().filter(|(at, _)| *at >= from).map(|(_, answer)| answer.expect("an answer")).collect();
            if since.len() >= count {
                return since;
            }
            assert!(began.elapsed() < PATIENCE, "only {} of {count} requests", since.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// All that were asked; those that came to nothing.
    fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
        let asked = self.asked.lock().expect("nobody panics with it").clone();
        (asked.len(), asked.into_iter().filter_map(|(_, answer)| answer.err()).collect())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_go_where_the_upstream_says_from_the_moment_it_is_shifted_and_none_is_lost() {
    let Some(shop) = Shop::open("shift").await else { return };
    let original = configuration(BODY);
    let address = shop.proxy(&original, "");
    let route = shop.route().await;
    let Route::Upstream { name, file, body, port, .. } = &route else { panic!("{route:?}") };
    assert_eq!((&**name, &**file, &**body, *port), ("back", FILE, BODY, 8080));
    let [one, two] = shop.hostnames();
    let load = Load::on(&address);

    for (weights, who) in [([1, 0], &one), ([0, 1], &two), ([0, 1], &two)] {
        shop.shift(&route, shop.weights(weights)).await.expect("it is shifted");
        let answered = load.next(40).await;
        assert!(answered.iter().all(|by| by == who), "{weights:?}: {answered:?}");
        assert!(shop.file().contains("keepalive 4;") && shop.file().contains("max_fails=0"), "{}", shop.file());
    }

    shop.shift(&route, shop.weights([1, 3])).await.expect("it is shifted");
    let answered = load.next(200).await;
    let share = answered.iter().filter(|by| **by == two).count() * 100 / answered.len();
    assert!((70..=80).contains(&share), "{share} % instead of 75 %");

    let back = Traffic::Body(body.clone());
    shop.shift(&route, back.clone()).await.expect("it is put back");
    assert_eq!(shop.file(), original);
    shop.shift(&route, back).await.expect("it is so already");
    let answered = load.next(40).await;
    assert!(answered.contains(&one) && answered.contains(&two));
    let (asked, lost) = load.end();
    assert_eq!(lost, [""; 0], "of {asked}");
    let copies = docker(&["exec", &shop.name("proxy"), "sh", "-c", "ls /tmp"]);
    assert!(!copies.contains("midwatch"), "{copies}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_nginxs_test_is_put_back_with_nginxs_own_words_and_nobody_notices() {
    let Some(shop) = Shop::open("broken").await else { return };
    let original = configuration(BODY);
    let address = shop.proxy(&original, "");
    let route = shop.route().await;
    let load = Load::on(&address);
    for (body, why) in [
        ("\n    server web:8080;\n    nonsense yes;\n", "unknown directive \"nonsense\""),
        (" server nobody.invalid:80; ", "host not found in upstream \"nobody.invalid:80\""),
        (" server web:8080; } server { listen 9; ", "no body of a block"),
        (" server web:8080; # ", "no body of a block"),
    ] {
        let trouble = failed(shop.shift(&route, Traffic::Body(body.into())).await);
        assert!(trouble.why.contains(why), "{trouble}");
        assert_eq!(shop.file(), original);
    }
    let none = failed(shop.shift(&route, shop.weights([0, 0])).await);
    assert_eq!(&*none.why, "it would send to nobody");
    let gone = InstanceId::made(&shop.service, 3, 1);
    let trouble = failed(shop.shift(&route, Traffic::Instances(vec![(gone, 1)])).await);
    assert!(trouble.why.contains("there is no container"), "{trouble}");
    load.next(20).await;
    let (asked, lost) = load.end();
    assert_eq!(lost, [""; 0], "of {asked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_changed_meanwhile_is_left_as_it_is() {
    let Some(shop) = Shop::open("changed").await else { return };
    shop.proxy(&configuration(BODY), "");
    let route = shop.route().await;
    let changed = configuration("\n    server web:8080;\n");
    std::fs::write(shop.files.path().join("shop.conf"), &changed).expect("it is written");
    let trouble = failed(shop.shift(&route, shop.weights([1, 0])).await);
    assert_eq!(&*trouble.why, format!("somebody else changed it in {FILE} meanwhile"));
    std::fs::write(shop.files.path().join("shop.conf"), "# nothing\n").expect("it is written");
    let trouble = failed(shop.shift(&route, shop.weights([1, 0])).await);
    assert!(trouble.why.contains("has no upstream of this name any more"), "{trouble}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_was_made_anew_is_found_by_its_name_and_one_that_stands_still_is_told() {
    let Some(shop) = Shop::open("anew").await else { return };
    shop.proxy(&configuration(BODY), "");
    let route = shop.route().await;
    docker(&["rm", "-f", &shop.name("proxy")]);
    let trouble = failed(shop.shift(&route, shop.weights([1, 0])).await);
    assert!(trouble.why.ends_with("is gone, and nothing has taken its name"), "{trouble}");
    let address = shop.proxy(&configuration(BODY), "");
    shop.shift(&route, shop.weights([1, 0])).await.expect("it is shifted");
    assert_eq!(get(&address), Ok(shop.hostnames()[0].clone()));
    docker(&["stop", "-t", "0", &shop.name("proxy")]);
    let trouble = failed(shop.shift(&route, shop.weights([0, 1])).await);
    assert!(trouble.why.ends_with("does not run"), "{trouble}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_cannot_be_used_is_told_with_its_reason() {
    let Some(shop) = Shop::open("read-only").await else { return };
    shop.proxy(&configuration(BODY), ":ro");
    let means = shop.means().await;
    assert!(matches!(means.routes.as_slice(), [Route::Lookup { .. }]), "{means:?}");
    let hint =
        format!("nginx upstream back in {}: {FILE} cannot be written to (mounted read-only?)", shop.name("proxy"));
    assert_eq!(means.hints, [hint.into()]);

    docker(&["rm", "-f", &shop.name("proxy")]);
    shop.proxy(&configuration("\n server web:8080;\n server 127.0.0.1:9;\n"), "");
    let means = shop.means().await;
    assert!(matches!(means.routes.as_slice(), [Route::Lookup { .. }]), "{means:?}");
    assert!(means.hints[0].ends_with("it sends to 127.0.0.1:9, too"), "{means:?}");

    docker(&["rm", "-f", &shop.name("proxy")]);
    shop.run("nginx-exporter", "exporter", &[], &[IMAGE, "sh", "-c", "echo nginx; exec sleep 1000"]);
    let means = shop.means().await;
    assert_eq!((means.routes, means.hints), (vec![], vec![]), "what is only called like it has nothing to say");
}

/// The group that is one instance.
pub fn only(cluster: &ClusterName, id: &str) -> Group {
    Group::Instances(vec![InstanceId::new(cluster, id)])
}

/// `false`, loudly, where it is not there and none of the lab's programs was demanded.
pub fn has_program(name: &str) -> bool {
    let is_here = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|path| Path::new(&path).join(name).is_file()));
    assert!(is_here || !is_demanded(), "the lab is demanded, and there is no {name} on this machine");
    if !is_here {
        eprintln!("SKIPPED: there is no {name} on this machine");
    }
    is_here
}
