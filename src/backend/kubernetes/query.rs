//! What is asked only when a screen shows it.

use super::{Site, access, cluster_backups, configuration, means, outline, processes, releases, velero};
use crate::{
    domain::Trouble,
    message::{Answer, Question},
};

pub async fn query(site: Site, question: Question) -> Result<Answer, Trouble> {
    match question {
        Question::Means(service) => means::of(&site, &service).await.map(|means| Answer::Means(Box::new(means))),
        Question::Releases(service) => releases::of(&site, &service)
            .await
            .map(Answer::Releases)
            .map_err(|fault| fault.trouble(format!("could not list the releases of {service}"))),
        Question::Outline(service, id) => outline::of(&site, &service, &id)
            .await
            .map(Answer::Outline)
            .map_err(|fault| fault.trouble(format!("could not read release {id} of {service}"))),
        Question::Configuration(instance) => configuration::of(&site, &instance)
            .await
            .map(Answer::Configuration)
            .map_err(|fault| fault.trouble("could not read the configuration of the pod")),
        Question::Processes(instance) => processes::of(&site, &instance).await.map(Answer::Processes),
        Question::Rights(_, scope) => access::rights(&site, &scope).await.map(Answer::Rights),
        Question::ClusterBackups(_) => Ok(Answer::ClusterBackups(Box::new(cluster_backups::list(&site).await))),
        Question::VeleroText(_, id, file) => velero::text(&site, &id, file).await.map(Answer::VeleroText),
        Question::Preview(_, restore) => velero::preview(&site, &restore).await.map(|p| Answer::Preview(Box::new(p))),
    }
}
