//! What goes and what stays, and that whoever lost the lock removes nothing.

use async_trait::async_trait;
use uuid::Uuid;

use super::*;

#[tokio::test]
async fn pruning_keeps_what_is_needed() {
    let (_, store) = memory();
    for number in 0..5 {
        run(&store, &resource(number)).await.unwrap();
    }
    let lock = locked(&store).await.unwrap();
    let all = Retention { revisions: 2, days: 30 };
    assert!(store.prune(&lock, all, false).await.unwrap().is_nothing(), "all are young");
    let few = Retention { revisions: 2, days: 0 };
    // The age is counted in whole seconds.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let dry = store.prune(&lock, few, true).await.unwrap();
    assert_eq!((dry.revisions.as_slice(), dry.contents), ([1, 2, 3].as_slice(), 3));
    assert_eq!(dry.kept.iter().map(|revision| revision.serial).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(dry.providers.len(), 1, "{:?}", dry.providers);
    assert_eq!(store.revisions().await.unwrap().len(), 5);
    assert_eq!(store.prune(&lock, few, false).await.unwrap(), dry);
    for revision in store.revisions().await.unwrap() {
        store.state_of(&revision).await.unwrap();
        store.blobs().get(&revision.inputs).await.unwrap();
    }
    assert!(store.prune(&lock, few, true).await.unwrap().is_nothing());
}

/// A place where somebody takes the lock over while contents are looked for.
struct Overtaken(Arc<MemoryBackend>);

#[async_trait]
impl Backend for Overtaken {
    async fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>> {
        self.0.read(path).await
    }

    async fn put(&self, path: &str, bytes: Vec<u8>, condition: Condition) -> Result<Option<Version>> {
        self.0.put(path, bytes, condition).await
    }

    async fn log(&self, path: &str) -> Result<Box<dyn Log>> {
        self.0.log(path).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.0.delete(path).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        if prefix == blobs::FOLDER
            && let Some(holder) = self.0.holder().await?
        {
            self.0.break_lock(holder.id).await?;
        }
        self.0.list(prefix).await
    }

    async fn acquire(&self, info: &LockInfo) -> Result<Acquired> {
        self.0.acquire(info).await
    }

    async fn holder(&self) -> Result<Option<LockInfo>> {
        self.0.holder().await
    }

    async fn break_lock(&self, id: Uuid) -> Result<Option<LockInfo>> {
        self.0.break_lock(id).await
    }

    fn place(&self, path: &str) -> String {
        self.0.place(path)
    }

    fn keeps_key(&self) -> bool {
        self.0.keeps_key()
    }
}

#[tokio::test]
async fn who_loses_the_lock_while_pruning_removes_nothing() {
    let (backend, store) = memory();
    for number in 0..4 {
        run(&store, &resource(number)).await.unwrap();
    }
    let there = backend.list("").await.unwrap();
    let overtaken = Store::open_on(Arc::new(Overtaken(backend.clone())), Some(DataKey::new([7; 32])));
    let lock = locked(&overtaken).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let error = overtaken.prune(&lock, Retention { revisions: 1, days: 0 }, false).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Locked, "{error}");
    assert_eq!(backend.list("").await.unwrap(), there);
}

#[tokio::test]
async fn ten_thousand_revisions_on_this_disk_are_collected() {
    let Folder { store, folder } = &folder();
    run(store, &resource(1)).await.unwrap();
    let first = store.revisions().await.unwrap().remove(0);
    let revisions = folder.path().join(".deployctl/default/revisions");
    for serial in 2..=10_000 {
        let old = Revision { serial, at: Timestamp::UNIX_EPOCH, ..first.clone() };
        let name = revisions.join(format!("{serial:012}.json"));
        deployctl_sdk::fs::write_unsynced(&name, &old.to_bytes().unwrap(), 0o600).unwrap();
    }
    let lock = locked(store).await.unwrap();
    let pruned = store.prune(&lock, Retention { revisions: 50, days: 30 }, false).await.unwrap();
    // The first one is young.
    assert_eq!((pruned.revisions.len(), pruned.contents, pruned.kept.len()), (9_949, 0, 51));
    assert_eq!(store.revisions().await.unwrap(), pruned.kept);
}
