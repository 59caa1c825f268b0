//! Reading `/proc`, and the document made of it.

use super::machine::{Ticks, load_of, memory_used, percent};
use super::*;

const STAT: &str = "\
cpu  1000 20 500 8000 200 0 30 50 400 0
cpu0 500 10 250 4000 100 0 15 25 200 0
intr 12345
";

#[test]
fn processors_are_measured_as_a_difference() {
    let before = Ticks::parse(STAT).unwrap();
    let later = Ticks::parse("cpu  1060 20 520 8100 220 0 30 50 400 0\n").unwrap();
    // 60 user + 20 system busy of 200 ticks.
    assert_eq!(later.busy_since(before), 40);
    assert_eq!(before.busy_since(before), 0);
    // Counters of a container may go backwards.
    assert_eq!(before.busy_since(later), 0);
}

#[test]
fn what_is_no_proc_is_not_taken() {
    assert_eq!(Ticks::parse(""), None);
    assert_eq!(Ticks::parse("cpu  x y z\n"), None);
    assert_eq!(memory_used("MemTotal: 1 kB\n"), None);
    assert_eq!(load_of(""), None);
    assert_eq!(load_of("many\n"), None);
}

#[test]
fn memory_is_what_is_not_available() {
    let meminfo = "MemTotal:        2048000 kB\nMemFree:          100000 kB\nMemAvailable:    1560576 kB\n";
    assert_eq!(memory_used(meminfo), Some(476));
    let old = "MemTotal:        2048000 kB\nMemFree:          1024000 kB\n";
    assert_eq!(memory_used(old), Some(1000));
}

#[test]
fn load_and_disk() {
    assert_eq!(load_of("0.42 0.30 0.20 1/234 5678\n").as_deref(), Some("0.42"));
    assert_eq!(percent(1, 3), Some(34));
    assert_eq!(percent(0, 3), Some(0));
    assert_eq!(percent(3, 3), Some(100));
    assert_eq!(percent(0, 0), None);
}

#[test]
fn the_note_has_the_shape_of_the_admin_guide() {
    let mut sample = Sample {
        cpu: 16,
        memory: 476,
        load: "0.42".to_owned(),
        disk: Some(37),
    };
    assert_eq!(sample.note(), "CPU:16 MEM:476 LOAD:0.42 DISK:37");
    sample.disk = None;
    assert_eq!(sample.note(), "CPU:16 MEM:476 LOAD:0.42");
    let params = params("sip:system@opensips.org", &sample, 60, Some("x"));
    let body = params["body"].as_str().unwrap();
    assert!(body.contains("<rpid:away/>") && body.contains("<dm:note>CPU:16 MEM:476 LOAD:0.42</dm:note>"));
    assert_eq!(
        (params["expires"].as_u64(), params["id"].as_str()),
        (Some(60), Some("x"))
    );
}

#[test]
fn this_machine_can_be_measured() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut machine = Machine::new(std::path::Path::new("/")).unwrap();
    let sample = runtime.block_on(machine.sample()).unwrap();
    assert!(sample.cpu <= 100 && sample.memory > 0);
    assert!(Machine::new(std::path::Path::new("/nowhere/at/all")).is_err());
}
