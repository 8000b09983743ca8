//! A way to the API server that breaks and is mended: bytes are passed on as they are, so that the server's certificate stays its own.

use std::{
    io::copy,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

pub struct Way {
    port: u16,
    original: String,
    files: tempfile::TempDir,
    is_cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    refused: Arc<AtomicUsize>,
}

impl Way {
    /// `None` where there is no cluster.
    pub fn open() -> Option<Self> {
        let path = std::env::var("MIDWATCH_TEST_KUBECONFIG").ok().filter(|path| !path.is_empty())?;
        let original = std::fs::read_to_string(path).expect("a kubeconfig");
        let server = server(&original).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (is_cut, open, refused) =
            (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<TcpStream>>>::default(), Arc::<AtomicUsize>::default());
        let (cut, streams, count) = (is_cut.clone(), open.clone(), refused.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if cut.load(Ordering::SeqCst) {
                    count.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                let Ok(upstream) = TcpStream::connect(&server) else { continue };
                let pair = [client.try_clone().expect("a handle"), upstream.try_clone().expect("a handle")];
                streams.lock().expect("whole").extend(pair);
                let (to, from) = (client.try_clone().expect("a handle"), upstream.try_clone().expect("a handle"));
                std::thread::spawn(move || pass(client, upstream));
                std::thread::spawn(move || pass(from, to));
            }
        });
        Some(Self { port, original, files: tempfile::tempdir().expect("a directory"), is_cut, open, refused })
    }

    /// The path of one that leads this way.
    pub fn kubeconfig(&self) -> String {
        let path = self.files.path().join("config");
        let text = self.original.replace(server(&self.original), &format!("127.0.0.1:{}", self.port));
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }

    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().expect("whole").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }

    /// How often somebody came to it while it was cut.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

/// `127.0.0.1:6443` of `server: https://127.0.0.1:6443`
fn server(kubeconfig: &str) -> &str {
    let (_, rest) = kubeconfig.split_once("https://").expect("a server");
    rest.split(|end: char| end.is_whitespace() || ['"', '/', ','].contains(&end)).next().expect("an address")
}
