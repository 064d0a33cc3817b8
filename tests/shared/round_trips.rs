//! How often a server is asked, one time after the other: what somebody far away from it waits for.

use std::time::Duration;

use super::place::{Kind, Place, address};
use super::proxy::{Exchange, Proxy, Trouble};
use super::team::{SITE, ok};

/// The most exchanges of which each began after the one before had ended.
fn one_after_the_other(mut exchanges: Vec<Exchange>) -> usize {
    exchanges.sort_by_key(|(_, end, _)| *end);
    let mut last = None;
    let mut count = 0;
    for (begin, end, _) in exchanges {
        if last.is_none_or(|last| begin >= last) {
            last = Some(end);
            count += 1;
        }
    }
    count
}

#[test]
fn a_plan_asks_at_most_four_times_in_a_row() {
    for kind in [Kind::Minio, Kind::Moto] {
        let place = Place::new(kind);
        let proxy = Proxy::new(&address(&place.server), true, 1);
        proxy.trouble(Trouble { latency: Duration::from_millis(30), ..Trouble::default() });
        let machine = place.machine_at(&format!("http://{}", proxy.address), SITE);
        ok(machine.run("plan"));
        let first = proxy.exchanges();
        let shown: Vec<String> = first.iter().map(|(.., line)| line.clone()).collect();
        assert!(one_after_the_other(first) <= 4, "{kind:?}: {shown:#?}");
        ok(machine.run("apply --auto-approve"));
        let apply = proxy.exchanges();
        println!("{kind:?}: apply: {} requests, {} in a row", apply.len(), one_after_the_other(apply.clone()));
        ok(machine.run("plan --var text=second"));
        let second = proxy.exchanges();
        let shown: Vec<String> = second.iter().map(|(.., line)| line.clone()).collect();
        assert!(!shown.is_empty() && one_after_the_other(second) <= 4, "{kind:?}: {shown:#?}");
        assert!(shown.iter().all(|line| line.starts_with("GET ")), "{kind:?}: a plan writes nothing: {shown:#?}");
    }
}

/// A before-record covers the whole ready set: the number of exchanges does not grow with the number of resources.
#[test]
fn an_apply_of_a_thousand_values_asks_no_more_often_than_one_of_ten() {
    let count = |resources: usize| {
        let place = Place::new(Kind::Minio);
        let proxy = Proxy::new(&address(&place.server), true, 1);
        proxy.trouble(Trouble { latency: Duration::from_millis(50), ..Trouble::default() });
        let site = format!("resource \"value\" \"many\" {{\n  count = {resources}\n  input = count.index\n}}\n");
        let machine = place.machine_at(&format!("http://{}", proxy.address), &site);
        ok(machine.run("apply --auto-approve"));
        let exchanges = proxy.exchanges();
        let (all, row) = (exchanges.len(), one_after_the_other(exchanges));
        println!("{resources} values: {all} requests, {row} in a row");
        row
    };
    let (few, many) = (count(10), count(1000));
    // With 50 ms each, 3 s are 60 of them.
    assert!(many <= 60 && many <= few + 12, "{few} in a row for 10, {many} for 1000");
}
