//! Drawn expressions, without anybody to ask: they are what they were drawn as.

use cel_differential::dice::{Dice, Seeded, Written};
use cel_differential::{Grammar, Manner, Tree, draw, variables};
use rules_cel::{Env, Type, Typing, compile};
use rules_cel_reference::Descriptors;

fn each_form(grammar: &Grammar, manner: Manner, dice: &mut impl Dice) -> Vec<Tree> {
    (0..grammar.forms().len()).map(|form| draw(grammar, form, manner, dice)).collect()
}

/// The type that our checker finds.
fn checked(text: &str, types: &Descriptors) -> Result<Type, String> {
    let mut env = Env::new(types);
    env.set_typing(Typing::Definition);
    for (name, ty) in variables() {
        env.variable(name, ty);
    }
    compile(text, &env).map(|checked| checked.ty().clone()).map_err(|mistakes| mistakes[0].message.clone())
}

#[test]
fn without_mischief_every_form_is_well_typed() {
    let (grammar, types) = (Grammar::without(&[]), Descriptors::default());
    let mut dice = Seeded::new(7);
    for height in [1, 2, 3, 4].repeat(4) {
        for tree in each_form(&grammar, Manner { height, mischief: false, prefix: "" }, &mut dice) {
            let text = tree.text(&grammar);
            // An empty list has the right type, and is none of the lists that these take.
            let of_nothing = |why: &String| why.ends_with("needs at least one number");
            if let Some(why) = checked(&text, &types).err().filter(|why| !of_nothing(why)) {
                panic!("{text}\n{why}");
            }
        }
    }
}

#[test]
fn a_seed_draws_the_same_again() {
    let grammar = Grammar::without(&[]);
    let texts = |seed| {
        let manner = Manner { height: 3, mischief: true, prefix: "" };
        let trees = each_form(&grammar, manner, &mut Seeded::new(seed));
        trees.iter().map(|tree| tree.text(&grammar)).collect::<Vec<_>>()
    };
    assert_eq!(texts(1), texts(1));
    assert_ne!(texts(1), texts(2));
}

#[test]
fn bytes_draw_something_whatever_they_are() {
    let grammar = Grammar::without(&[]);
    let mut seeded = Seeded::new(3);
    for length in [0, 1, 7, 64, 500] {
        let bytes: Vec<u8> = (0..length).map(|_| seeded.below(256) as u8).collect();
        for tree in each_form(&grammar, Manner { height: 5, mischief: true, prefix: "" }, &mut Written(&bytes)) {
            assert!(tree.text(&grammar).len() <= 4_096);
        }
    }
}

/// Whatever of a tree is wanted, it is found in one that has nothing else.
#[test]
fn what_is_made_smaller_ends_small() {
    let grammar = Grammar::without(&[]);
    let mut dice = Seeded::new(5);
    let mut found = 0;
    for form in (0..grammar.forms().len()).cycle().take(2_000) {
        let mut tree = draw(&grammar, form, Manner { height: 4, mischief: false, prefix: "" }, &mut dice);
        let wrong = |tree: &Tree| tree.text(&grammar).contains(".reverse()");
        if !wrong(&tree) {
            continue;
        }
        found += 1;
        while let Some(smaller) = tree.smaller(&grammar).into_iter().find(wrong) {
            assert!(smaller.size(&grammar) < tree.size(&grammar));
            tree = smaller;
        }
        assert!(
            ["''.reverse()", "s.reverse()", "t.reverse()"].contains(&tree.text(&grammar).as_str()),
            "{}",
            tree.text(&grammar)
        );
    }
    assert!(found > 5, "{found}");
}
