//! What a program in the background says on standard error, while it runs: so that a test goes on when something was said, and
//! not after some time.

use std::io::Read as _;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What was said so far.
pub struct Said {
    text: Arc<(Mutex<String>, Condvar)>,
    reader: JoinHandle<()>,
}

impl Said {
    /// Listens from now on; its standard error must be a pipe.
    pub fn by(child: &mut Child) -> Self {
        let text = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let (heard, mut pipe) = (text.clone(), child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count) = pipe.read(&mut piece) {
                if count == 0 {
                    break;
                }
                heard.0.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..count]));
                heard.1.notify_all();
            }
        });
        Self { text, reader }
    }

    /// Waits until this was said.
    #[track_caller]
    pub fn wait_for(&self, what: &str) {
        let text = self.text.0.lock().unwrap();
        let waited = self.text.1.wait_timeout_while(text, Duration::from_secs(60), |text| !text.contains(what));
        let (text, result) = waited.unwrap();
        assert!(!result.timed_out(), "`{what}` was not said: {text}");
    }

    /// All of it, once the program has ended.
    pub fn whole(self) -> String {
        self.reader.join().unwrap();
        self.text.0.lock().unwrap().clone()
    }
}
