//! Writes what recordings hold as the first inputs of a target: `seeds TARGET FROM TO`, where `FROM` is searched for
//! recordings and `TO` is a folder.

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let [_, target, from, to] = &env::args().collect::<Vec<_>>()[..] else {
        return Err(io::Error::other("usage: seeds TARGET FROM TO"));
    };
    fs::create_dir_all(to)?;
    let mut number = 0;
    visit(Path::new(from), &mut |file| {
        for seed in agentforge_llm::testkit::fuzz::seeds(target, &fs::read(file)?) {
            fs::write(Path::new(to).join(format!("seed-{number}")), seed)?;
            number += 1;
        }
        Ok(())
    })?;
    println!("{number} seeds for {target}");
    Ok(())
}

fn visit(folder: &Path, each: &mut impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut entries: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|it| it.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            visit(&path, each)?;
        } else if path.extension().is_some_and(|ending| ending == "json") {
            each(&path)?;
        }
    }
    Ok(())
}
