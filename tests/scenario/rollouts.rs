//! Rollouts and ways back as a person plans them, played on the simulator: by every strategy, on a host and on a cluster, with releases
//! that are bad, and with the process that carries them out gone in the middle.

use std::{sync::Arc, time::Duration};

use midwatch::{
    backend::{StepError, simulator::scenario::Scenario},
    domain::{Health, InstanceState, PersonWord, ReleaseSource, ServiceId, Verdict, release},
    message::{Answer, Question},
    plan::{
        self, Edits, Execution, Plan, ReleaseRef, RollOut, Step, Strategy, Target, Verb,
        execution::{Next, Outcome, Record},
        wish::{BlueGreen, Canary, Gate, Rolling, Then, Weight},
    },
};

use crate::support::Stage;

/// Between two looks at who answers.
const LOOK: Duration = Duration::from_millis(200);

struct Play {
    stage: Stage,
    service: ServiceId,
    /// The fewest instances that answered at any moment.
    fewest: usize,
}

/// A service of the scenario that is there to be rolled out: `host/shop/web`.
async fn play(address: &str) -> Play {
    let mut stage = Stage::of(&Scenario::named("rollouts").expect("it is embedded"), 1);
    stage.live().await;
    let parts: Vec<&str> = address.split('/').collect();
    let service = ServiceId::new(&parts[0].into(), &parts[1].into(), parts[2]);
    let mut play = Play { stage, service, fewest: usize::MAX };
    play.look();
    play
}

impl Play {
    fn look(&mut self) {
        let serving = self.stage.clusters[&self.service.cluster].serving(&self.service);
        self.fewest = self.fewest.min(serving);
    }

    fn image(&self, version: &str) -> String {
        let image =
            self.stage.inventory.service(&self.service).expect("it is there").image.clone().expect("it has one");
        let (name, _) = image.reference.rsplit_once(':').expect("with a tag");
        format!("{name}:{version}")
    }

    async fn plan(&mut self, verb: Verb) -> Plan {
        let question = Question::Means(self.service.clone());
        let answer = self.stage.backend(self.service.cluster.as_str()).query(question).await;
        let Ok(Answer::Means(means)) = answer else { panic!("{answer:?}") };
        self.stage.inventory.set_means(&self.service, *means);
        let request = plan::Request::new(verb, Target::Service(self.service.clone()));
        let plan = plan::make(&self.stage.inventory, &request).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        plan.begun_at(self.stage.clock.now(), "ops@laptop")
    }

    async fn roll_out(&mut self, version: &str, strategy: Strategy) -> Plan {
        let images = [("".into(), self.image(version).into())].into();
        let edits = Edits { images, ..Edits::default() };
        let gates = vec![Gate::Health { seconds: 8 }];
        self.plan(Verb::RollOut(Box::new(RollOut { edits, strategy, gates, ..RollOut::default() }))).await
    }

    async fn back(&mut self) -> Plan {
        let question = Question::Releases(self.service.clone());
        let answer = self.stage.backend(self.service.cluster.as_str()).query(question).await;
        let Ok(Answer::Releases(releases)) = answer else { panic!("{answer:?}") };
        let suggested = release::suggested(&releases).expect("one held long");
        let (id, title) = (suggested.id.clone(), suggested.title().into());
        self.plan(Verb::RollBack(ReleaseRef { source: ReleaseSource::Engine, id, title })).await
    }

    /// As a process would that nothing happens to.
    async fn carry_out(&mut self, plan: Plan) -> Verdict {
        let mut execution = Execution::new(plan);
        self.go_on(&mut execution, &mut Vec::new(), None).await.expect("nothing cuts it off")
    }

    /// `None`: it was cut off, after so many moments: before a step is begun, before it is done, before it is written down as done.
    async fn go_on(
        &mut self,
        execution: &mut Execution,
        records: &mut Vec<Record>,
        mut cut: Option<usize>,
    ) -> Option<Verdict> {
        let mut is_over = move || match &mut cut {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        loop {
            let now = self.stage.clock.now();
            let step = match execution.next() {
                Next::Ended(verdict) => return Some(verdict),
                // A person looked at it, and it is well.
                Next::Held { .. } => {
                    let said = execution.say(PersonWord::GoOn, &"ops@laptop".into(), now).expect("it waits for one");
                    records.push(said);
                    continue;
                }
                Next::Do { step, .. } | Next::Undo { step, .. } => step.clone(),
            };
            if is_over() {
                return None;
            }
            let began = execution.beginning(self.stage.clock.now()).expect("there is a step");
            execution.apply(&began).expect("it comes next");
            records.push(began);
            if is_over() {
                return None;
            }
            let outcome = match self.step(&step).await {
                Ok(()) => Outcome::Done,
                Err(StepError::Unsure(trouble)) => Outcome::Unsure(trouble),
                Err(StepError::Failed(trouble)) => Outcome::Failed(trouble),
                Err(StepError::Lost(trouble)) => panic!("nothing breaks this line: {trouble}"),
            };
            if is_over() {
                return None;
            }
            records.extend(execution.told(outcome, self.stage.clock.now()));
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), StepError> {
        let backend = self.stage.backend(self.service.cluster.as_str());
        let done = tokio::spawn(backend.execute(step.clone(), Arc::new(|_: &str| {})));
        while !done.is_finished() {
            self.stage.play(LOOK).await;
            self.look();
        }
        done.await.expect("does not panic")
    }

    /// What every instance runs, in order, and whether all is well.
    async fn stands(&mut self) -> (Vec<String>, bool) {
        for _ in 0..40 {
            self.stage.play(Duration::from_secs(1)).await;
            self.look();
        }
        let instances = self.stage.inventory.instances_of(&self.service);
        let running = instances.iter().filter(|instance| instance.state == InstanceState::Running);
        let mut versions: Vec<String> = running.map(|instance| instance.image.release().to_owned()).collect();
        versions.sort();
        let service = self.stage.inventory.service(&self.service).expect("it is there");
        let is_clean = instances.len() == versions.len();
        (versions, is_clean && service.health == Health::Healthy && service.ready == service.wanted)
    }

    /// Those that a plan made beside it are gone too.
    fn has_sets(&self) -> bool {
        let scope = &self.service.scope;
        let beside = self.stage.inventory.services_of(&self.service.cluster).filter(|other| other.id.scope == *scope);
        beside
            .filter(|other| *other.id.name != *self.service.name)
            .any(|other| other.id.name.starts_with(&*self.service.name))
    }
}

fn rolling() -> Strategy {
    Strategy::Rolling(Rolling { within: 60, drain: 2, pace: None })
}

fn canary() -> Strategy {
    let steps = [25, 50].map(|percent| Weight { percent, then: Then::Watch(4) });
    Strategy::Canary(Canary { steps: steps.to_vec(), within: 60, drain: 2 })
}

fn blue_green() -> Strategy {
    Strategy::BlueGreen(BlueGreen { ask: false, keep: 5, within: 60, drain: 2 })
}

/// On which it is tried, what it runs, what is better, and how many there are.
const SERVICES: [(&str, &str, &str, usize); 3] =
    [("host/shop/web", "v1.1", "v1.2", 3), ("host/shop/api", "v4", "v5", 2), ("cluster/shop/front", "v1.1", "v1.2", 4)];

#[tokio::test(start_paused = true)]
async fn every_strategy_goes_through_on_a_host_and_on_a_cluster_and_somebody_always_answers() {
    for (address, _, better, count) in SERVICES {
        for strategy in [rolling(), canary(), blue_green()] {
            let mut play = play(address).await;
            let word = strategy.word();
            let plan = play.roll_out(better, strategy).await;
            let (text, minimum) = (plan.text(), plan.minimum as usize);
            let verdict = play.carry_out(plan).await;
            assert!(matches!(verdict, Verdict::Done { .. }), "{address} {word}: {verdict:?}\n{text}");
            assert_eq!(play.stands().await, (vec![better.to_owned(); count], true), "{address} {word}\n{text}");
            assert!(play.fewest >= minimum.max(1), "{address} {word}: {} of {minimum} answered\n{text}", play.fewest);
            assert!(!play.has_sets(), "{address} {word}\n{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_no_good_is_taken_back_by_itself_and_the_verdict_says_why() {
    let bad = [
        ("v1.3-never-ready", "no route to db"),
        ("v1.3-crashes", "exit 1"),
        ("v1.3-missing", "is not in the registry"),
    ];
    for (address, good, _, count) in [SERVICES[0], SERVICES[2]] {
        for (version, why) in bad {
            for strategy in [rolling(), canary(), blue_green()] {
                let mut play = play(address).await;
                let case = format!("{address} {version} {}", strategy.word());
                let plan = play.roll_out(version, strategy).await;
                let text = plan.text();
                let verdict = play.carry_out(plan).await;
                let Verdict::Undone { says } = &verdict else { panic!("{case}: {verdict:?}\n{text}") };
                let is_told = says.contains(why) || (version == "v1.3-crashes" && says.contains("started again"));
                assert!(is_told, "{case}: {says}\n{text}");
                assert_eq!(play.stands().await, (vec![good.to_owned(); count], true), "{case}\n{text}");
                assert!(play.fewest >= 1, "{case}: nobody answered\n{text}");
                assert!(!play.has_sets(), "{case}\n{text}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cut_off_at_any_moment_and_resumed_or_taken_back_it_comes_to_one_release() {
    for (address, good, better, count) in [SERVICES[0], SERVICES[2]] {
        for strategy in [rolling(), canary(), blue_green()] {
            for undo in [false, true] {
                for cut in 0.. {
                    let mut play = play(address).await;
                    let case = format!("{address} {} cut {cut} undo {undo}", strategy.word());
                    let plan = play.roll_out(better, strategy.clone()).await;
                    let mut records = Vec::new();
                    let mut execution = Execution::new(plan.clone());
                    if play.go_on(&mut execution, &mut records, Some(cut)).await.is_some() {
                        break;
                    }
                    // Whoever finds it comes back later, and knows no more than what was written down.
                    play.stage.play(Duration::from_secs(30)).await;
                    let mut execution = Execution::replay(plan, &records).expect("it was written down so");
                    if undo {
                        // Once it only tidies up, there is no way back but another plan.
                        let turned = execution.stop_and_undo("taken back by a person", play.stage.clock.now());
                        records.extend(turned);
                    }
                    let verdict = play.go_on(&mut execution, &mut records, None).await.expect("nothing cuts it off");
                    let (versions, is_well) = play.stands().await;
                    let wanted = match &verdict {
                        Verdict::Done { .. } => better,
                        Verdict::Undone { .. } => good,
                        Verdict::Stuck { .. } | Verdict::Left { .. } => panic!("{case}: {verdict:?}"),
                    };
                    assert_eq!((versions, is_well), (vec![wanted.to_owned(); count], true), "{case}: {verdict:?}");
                    assert!(play.fewest >= 1, "{case}: nobody answered");
                    assert!(!play.has_sets(), "{case}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_rolled_out_can_be_gone_back_from_on_every_kind() {
    for (address, good, better, count) in [
        ("host/shop/web", "v1.1", "v1.2", 3),
        ("host/containers/lone", "1", "2", 1),
        ("cluster/shop/front", "v1.1", "v1.2", 4),
        ("cluster/shop/store", "15.3", "15.4", 3),
        ("cluster/infra/agent", "0.9", "1.0", 3),
    ] {
        let mut play = play(address).await;
        let plan = play.roll_out(better, rolling()).await;
        let verdict = play.carry_out(plan).await;
        assert!(matches!(verdict, Verdict::Done { .. }), "{address}: {verdict:?}");
        assert_eq!(play.stands().await, (vec![better.to_owned(); count], true), "{address}");
        let plan = play.back().await;
        let text = plan.text();
        let verdict = play.carry_out(plan).await;
        assert!(matches!(verdict, Verdict::Done { .. }), "{address}: {verdict:?}\n{text}");
        assert_eq!(play.stands().await, (vec![good.to_owned(); count], true), "{address}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_of_instances_in_order_that_is_stuck_comes_back() {
    let mut play = play("cluster/shop/store").await;
    let plan = play.roll_out("16.0", rolling()).await;
    let text = plan.text();
    let verdict = play.carry_out(plan).await;
    assert!(matches!(verdict, Verdict::Undone { .. }), "{verdict:?}\n{text}");
    assert_eq!(play.stands().await, (vec!["15.3".to_owned(); 3], true), "{text}");
}
