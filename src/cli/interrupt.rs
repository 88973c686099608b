//! Ctrl-C and a request to terminate: obeyed at once while nothing is written, otherwise between two files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Watches for signals from now on.
#[derive(Debug)]
pub struct Interrupts {
    /// Nothing is being written: the process may end anywhere.
    idle: Arc<AtomicBool>,
    asked: Arc<AtomicBool>,
}

impl Interrupts {
    /// Until [`writing`](Self::writing) a signal ends the process.
    pub fn watch() -> Self {
        let interrupts =
            Self { idle: Arc::new(AtomicBool::new(true)), asked: Arc::new(AtomicBool::new(false)) };
        for signal in [SIGINT, SIGTERM] {
            // Where signals cannot be watched, they end the process as ever.
            let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&interrupts.idle));
            let _ = flag::register(signal, Arc::clone(&interrupts.asked));
        }
        interrupts
    }

    /// From now on a signal is only noted.
    pub fn writing(&self) {
        self.idle.store(false, Ordering::SeqCst);
    }

    /// Whether to stop before the next file.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}
