//! Calls are counted on a thread of their own, one after the other: its file may be busy, and no request is held up by that.

use std::{
    sync::{
        Arc, OnceLock,
        mpsc::{self, Receiver, Sender},
    },
    thread::JoinHandle,
};

use connection_store::{Call, Connection, Store, Told, Wait};
use tokio::sync::oneshot;

use crate::authority::Counted;

/// The thread, from the first call on. What was asked of it is done when this has been dropped.
#[derive(Debug, Default)]
pub(crate) struct Counting(OnceLock<Running>);

#[derive(Debug)]
struct Running {
    orders: Sender<Order>,
    /// `None`: the system gives no thread.
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Admit(Store, Arc<Connection>, oneshot::Sender<Result<Counts, Wait>>),
    Told(Arc<Call>, Told),
    /// It counts until now, and a minute longer.
    End(Arc<Call>),
    Withdraw(Arc<Call>),
    Stop,
}

/// A call, and where to say what becomes of it.
#[derive(Debug)]
pub(crate) struct Counts {
    call: Option<Arc<Call>>,
    was_sent: bool,
    orders: Sender<Order>,
}

impl Counting {
    /// Counts one more call, or says what it must wait for. Whoever goes away meanwhile has made none.
    pub(crate) async fn admit(&self, store: &Store, connection: &Arc<Connection>) -> Result<Counts, Wait> {
        let running = self.0.get_or_init(Running::start);
        let (answer, answered) = oneshot::channel();
        let order = Order::Admit(store.clone(), Arc::clone(connection), answer);
        if running.orders.send(order).is_ok()
            && let Ok(admitted) = answered.await
        {
            return admitted;
        }
        // Without the thread it is done here.
        let call = store.try_admit(connection)?;
        Ok(Counts::new(call, &running.orders))
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let Some(Running { orders, thread: Some(thread) }) = self.0.take() else { return };
        // Where it has ended already there is nothing to wait for, and a panic of it was reported.
        drop(orders.send(Order::Stop));
        drop(thread.join());
    }
}

impl Running {
    fn start() -> Self {
        let (orders, received) = mpsc::channel();
        let own = orders.clone();
        let thread = std::thread::Builder::new().name("calls".to_owned());
        let thread = thread.spawn(move || count(&received, &own));
        if let Err(error) = &thread {
            tracing::warn!(%error, "there is no thread to count calls on");
        }
        Self { orders, thread: thread.ok() }
    }
}

impl Counts {
    fn new(call: Call, orders: &Sender<Order>) -> Self {
        Self { call: Some(Arc::new(call)), was_sent: false, orders: orders.clone() }
    }
}

impl Counted for Counts {
    fn sent(&mut self) {
        self.was_sent = true;
    }

    fn told(&mut self, told: Told) {
        let Some(call) = &self.call else { return };
        if let Err(unheard) = self.orders.send(Order::Told(Arc::clone(call), told)) {
            unheard.0.follow(&self.orders);
        }
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        let order = if self.was_sent { Order::End(call) } else { Order::Withdraw(call) };
        if let Err(unheard) = self.orders.send(order) {
            unheard.0.follow(&self.orders);
        }
    }
}

impl Order {
    fn follow(self, orders: &Sender<Self>) {
        match self {
            Self::Admit(store, connection, asking) => {
                let admitted = store.try_admit(&connection).map(|call| Counts::new(call, orders));
                // Who has gone away drops it, and so it is withdrawn.
                drop(asking.send(admitted));
            }
            Self::Told(call, told) => call.told(&told),
            Self::Withdraw(call) => drop(Arc::into_inner(call).map(Call::withdraw)),
            Self::End(call) => drop(call),
            Self::Stop => {}
        }
    }
}

fn count(received: &Receiver<Order>, orders: &Sender<Order>) {
    while let Ok(order) = received.recv() {
        if matches!(order, Order::Stop) {
            return;
        }
        order.follow(orders);
    }
}
