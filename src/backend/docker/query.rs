//! What is asked only when a screen shows it.

use serde_json::Value;

use super::{
    api::{Api, Id},
    fault::Fault,
    means, releases,
    wire::Top,
};
use crate::{
    backend::{mask, without_velero},
    domain::{
        Capabilities, InstanceId, Trouble,
        text::{clean, clean_lines},
    },
    message::{Answer, Processes, Question},
};

pub async fn query(api: Api, question: Question) -> Result<Answer, Trouble> {
    match question {
        Question::Means(service) => means::of(&api, &service)
            .await
            .map(|means| Answer::Means(Box::new(means)))
            .map_err(|fault| fault.trouble(format!("could not find out how {service} can be rolled out"))),
        Question::Releases(service) => releases::found(&api, &service)
            .await
            .map(|found| Answer::Releases(found.releases()))
            .map_err(|fault| fault.trouble(format!("could not find the releases of {service}"))),
        Question::Configuration(instance) => {
            configuration(&api, &instance).await.map_err(|fault| fault.trouble("could not inspect the container"))
        }
        Question::Outline(service, id) => {
            let what = format!("could not read a release of {service}");
            let found = releases::found(&api, &service).await.map_err(|fault| fault.trouble(what.as_str()))?;
            let missing = || Trouble::new(what, format!("this host keeps no release {}", clean(&id)));
            found.outline(&id).map(Answer::Outline).ok_or_else(missing)
        }
        Question::Rights(..) => Ok(Answer::Rights(Capabilities::all())),
        Question::ClusterBackups(_) => Ok(Answer::ClusterBackups(Box::default())),
        Question::VeleroText(_, id, _) => Err(without_velero(&id.name)),
        Question::Preview(_, restore) => Err(without_velero(&restore.backup)),
        Question::Processes(instance) => {
            processes(&api, &instance).await.map_err(|fault| fault.trouble("could not list the container's processes"))
        }
    }
}

async fn configuration(api: &Api, instance: &InstanceId) -> Result<Answer, Fault> {
    let id = Id::new(&instance.key)?;
    let mut value: Value = api.get(&format!("/containers/{id}/json")).await?;
    mask::value(&mut value);
    let yaml = serde_saphyr::to_string(&value).map_err(|error| Fault::Garbled(error.to_string().into()))?;
    Ok(Answer::Configuration(clean_lines(&yaml).into()))
}

async fn processes(api: &Api, instance: &InstanceId) -> Result<Answer, Fault> {
    let id = Id::new(&instance.key)?;
    let top: Top = api.get(&format!("/containers/{id}/top?ps_args=-ef")).await?;
    // A command line is the favourite place of passwords.
    let cell = |text: String| clean(&mask::text(&text)).into();
    Ok(Answer::Processes(Processes {
        titles: top.titles.unwrap_or_default().into_iter().map(cell).collect(),
        rows: top.processes.unwrap_or_default().into_iter().map(|row| row.into_iter().map(cell).collect()).collect(),
    }))
}
