//! `create`, killed at each border.

use crate::left::Left;
use crate::place::{PLACES, Place};
use crate::table::{Row, show};
use crate::world::World;

/// Where the program can be ended, in the order in which a run gets there.
const BORDERS: [&str; 16] = [
    "started",
    "keyring-tried",
    "prepared",
    "callback",
    "written-down",
    "asked",
    "answered",
    "known",
    "draft-written",
    "file-replaced",
    "keyring-written",
    "fed",
    "delivered",
    "recovery-made",
    "kept",
    "noted",
];

#[tokio::test]
async fn wherever_it_is_killed_no_key_is_lost() {
    let cells = PLACES.iter().flat_map(|place| {
        let borders = BORDERS.into_iter().filter(|border| place.reaches(border));
        borders.map(move |border| Row {
            block: place.name.to_owned(),
            name: border,
            cell: killed(place, border),
        })
    });
    show("create is killed at …, the key is …, and the next run says …", cells.collect()).await;
}

async fn killed(place: &'static Place, border: &str) -> String {
    let cell = format!("{}, {border}", place.name);
    let mut world = World::new(place).await;
    let mut program = world.delivers(&["create"]);
    program.env("KEYMINT_FAIL_POINT", border);
    let ended = world.run(program, |_| {}).await;
    assert!(ended.was_killed(), "{cell}: {}", ended.stderr);
    Left::of(&world, &ended).await.verdict(&cell)
}
