//! The data that is on the disk before the first byte of the creation is sent.

use crate::destination::DESTINATIONS;
use crate::harness::Harness;
use keymint_testkit::Strace;

#[tokio::test]
async fn the_record_is_on_the_disk_before_the_key_is_requested() {
    // The calls that write to files and sockets, with the paths of the files.
    let calls = "write,writev,sendto,sendmsg,fsync,fdatasync";
    let Some(strace) = Strace::of(calls, &["-y", "-s", "200"]) else { return };
    let mut harness = Harness::new(&DESTINATIONS[0]).await;
    let program = harness.keymint().args(["create"]).under(strace.words());
    harness.run(program, |_| {}).await.exits_with(0);

    let calls = strace.log();
    let records = harness.path(".local/state/keymint/records");
    let (directory, in_directory) = (format!("<{}>", records.display()), format!("<{}/", records.display()));
    let calls: Vec<_> = calls.lines().filter_map(|call| call.split_once(' ')).collect();
    let first_after = |start: usize, fits: &dyn Fn(&str) -> bool| {
        let found = calls[start..].iter().position(|(_, call)| fits(call.trim_start()));
        start + found.unwrap_or_else(|| panic!("{calls:#?}"))
    };
    let is_record = |call: &str| call.starts_with("write(") && call.contains("requested");
    let written = first_after(0, &|call| is_record(call) && call.contains(&in_directory));
    let order = [
        written,
        first_after(written, &|call| call.starts_with("fsync(") && call.contains(&in_directory)),
        first_after(written, &|call| call.starts_with("fsync(") && call.contains(&directory)),
        first_after(0, &|call| call.contains("POST ") && call.contains("/api_keys ")),
    ];
    assert!(order.is_sorted(), "{order:?}: {calls:#?}");
    // The calls of one thread begin after the previous one has ended.
    let thread = calls[order[0]].0;
    assert!(order.iter().all(|&call| calls[call].0 == thread), "{calls:#?}");
}
