//! The laws, each as a check on one case. A check makes what it needs and removes it again.

mod converge;
mod find;
mod foreign;
mod interrupt;
mod outside;
mod prepare;
mod schema;
mod twice;

use super::bench::{Bench, Checked};

pub(super) use schema::check as schema;

/// Puts one case through every law that a single object can be put through.
pub(super) async fn check_case(bench: &mut Bench<'_>) {
    // A check that stops has said why; the others go on all the same.
    let _: Checked = prepare::check(bench);
    let _: Checked = converge::changes(bench).await;
    let _: Checked = converge::create_first(bench).await;
    let _: Checked = twice::check(bench).await;
    let _: Checked = outside::removal(bench).await;
    let _: Checked = outside::drift(bench).await;
    let _: Checked = outside::silence(bench).await;
    let _: Checked = foreign::disowned(bench).await;
    let _: Checked = foreign::in_the_way(bench).await;
    let _: Checked = find::whole(bench).await;
    let _: Checked = find::after_a_kill(bench).await;
    let _: Checked = interrupt::cancellation(bench).await;
    let _: Checked = interrupt::failure(bench).await;
}
