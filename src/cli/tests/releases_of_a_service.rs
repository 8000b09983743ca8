use crate::{
    cli::{
        exit::Exit,
        tests::{Ran, Script, run, time},
    },
    domain::{Health, Image, Outline, Release, ReleaseSource},
};

pub fn release(number: u64, current: bool) -> Release {
    let image = Image {
        reference: format!("web:v{number}").into(),
        digest: Some("sha256:0123456789abcdef".into()),
        ..Image::default()
    };
    let pairs = [("web env MODE", format!("m{number}")), ("web image", format!("web:v{number}"))];
    Release {
        id: format!("web-{number}").into(),
        number: Some(number),
        image,
        created: Some(time(-3600)),
        current,
        instances: u32::from(current),
        healthy_since: current.then(|| time(-1200)),
        served: (!current).then_some(7200),
        cause: Some(format!("ci: #{number}").into()),
        outline: Some(Outline(pairs.map(|(path, value)| (path.into(), value.into())).to_vec()).into()),
        ..Release::default()
    }
}

async fn ran(line: &str) -> Ran {
    let helm = Release {
        id: "helm/secrets/shop/web.v1".into(),
        source: ReleaseSource::Helm,
        number: Some(1),
        outcome: Some("deployed".into()),
        ..Release::default()
    };
    let releases = vec![release(3, true), Release { older: vec![1], ..release(2, false) }, helm];
    run(line, [Script::of("here").service("web", Health::Healthy).releases(releases)]).await
}

#[tokio::test(start_paused = true)]
async fn releases_are_listed_with_how_long_they_served_and_the_one_to_go_back_to() {
    let ran = ran("midwatch releases web").await;
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(
        lines,
        [
            "NUMBER  SOURCE  RELEASE  CURRENT     INSTANCES  AGE  OUTCOME       IMAGE   DIGEST        CAUSE",
            "     3  engine  v3       current             1  60m  healthy 20m   web:v3  0123456789ab  ci: #3",
            "     2  engine  v2       go back to          0  60m  served 2h00m  web:v2  0123456789ab  ci: #2",
            "     1  helm    helm     -                   0    -  deployed      -       -             -",
        ]
    );
    assert_eq!(ran.exit, Exit::Done);
}

#[tokio::test(start_paused = true)]
async fn how_long_a_release_served_is_said_once_although_its_engine_tells_it_too() {
    let ended = Release { outcome: Some("2h00m, healthy to its end".into()), ..release(2, false) };
    let script = Script::of("here").service("web", Health::Healthy).releases(vec![release(3, true), ended]);
    let ran = run("midwatch releases web", [script]).await;
    assert!(ran.out.contains("  served 2h00m, healthy to its end  web:v2"), "{}", ran.out);
}

#[tokio::test(start_paused = true)]
async fn as_json_a_release_tells_all_that_is_known_of_it() {
    let objects = ran("midwatch releases web --json").await.objects();
    let of = |place: usize, field: &str| objects[place][field].clone();
    assert_eq!((of(0, "suggested"), of(1, "suggested")), (false.into(), true.into()));
    assert_eq!((of(1, "served"), of(0, "healthy_since")), (7200.into(), time(-1200).to_string().into()));
    assert_eq!(of(0, "outline")["web env MODE"], "m3");
    assert_eq!((of(2, "source"), of(2, "image"), of(2, "outline")), ("helm".into(), ().into(), ().into()));
}

#[tokio::test(start_paused = true)]
async fn without_a_name_the_current_release_is_compared_with_the_one_before() {
    let ran = ran("midwatch diff web").await;
    assert!(ran.err.contains("here/shop/web: from 2 v2 to 3 v3 (current)"), "{}", ran.err);
    assert_eq!(ran.out, "~ web image  web:v2 -> web:v3\n~ web env MODE  m2 -> m3\n");
    assert_eq!(ran.exit, Exit::Done);
}

#[tokio::test(start_paused = true)]
async fn a_release_is_found_by_its_number_its_older_one_its_id_and_its_name() {
    for typed in ["2", "1", "web-2", "v2"] {
        let ran = ran(&format!("midwatch diff web {typed} --json")).await;
        let told: Vec<_> = ran.objects().iter().map(|object| (object["from"].clone(), object["is"].clone())).collect();
        assert_eq!(told, [("2 v2".into(), "web:v3".into()), ("2 v2".into(), "m3".into())], "{typed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_list_does_not_tell_of_a_release_is_asked_for() {
    let ran = ran("midwatch diff web helm:1 --with 3").await;
    assert!(ran.out.contains("~ web image  web:v3 -> helm/secrets/shop/web.v1"), "{}", ran.out);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_there_is_not_is_a_mistake_that_says_where_to_look() {
    let ran = ran("midwatch diff web 9").await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(
        ran.err.contains("no release \"9\"") && ran.err.contains("(midwatch releases here/shop/web)"),
        "{}",
        ran.err
    );
}
