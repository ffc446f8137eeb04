//! The batch script of a job array.

use std::path::Path;

use super::array::Array;
use crate::experiment::ClusterConfig;

/// What a script names besides its array.
#[derive(Debug, Clone)]
pub struct Places<'a> {
    /// Name of the run.
    pub run: &'a str,
    /// The program on the nodes.
    pub program: &'a str,
    /// The resolved settings.
    pub settings: &'a Path,
    /// The tasks of every element.
    pub list: &'a Path,
    /// Is there once the submission was cancelled.
    pub cancelled: &'a Path,
    /// Folder of what jobs say.
    pub logs: &'a Path,
    /// More arguments of the program.
    pub arguments: &'a [String],
}

/// What comes after the options: a signal is the program's, from before the program is there.
const HEAD: &str = r#"set -u
got= last= child=
pass() {
    got=$1 last=$1
    [ -z "$child" ] || kill -s "$1" "$child" 2>/dev/null
}
trap 'pass USR1' USR1
trap 'pass TERM' TERM
"#;

/// What comes after the start: waits for the program, passes signals on, and puts the job back into the queue when
/// its work is to go on.
const BODY: &str = r#"
child=$!
# A signal that came before this line has not reached it.
[ -z "$last" ] || kill -s "$last" "$child" 2>/dev/null
while :; do
    wait "$child"
    code=$?
    # A signal ends the wait and not the program.
    [ -n "$got" ] || break
    got=
done
# It had not come to listen for signals yet.
if [ -n "$last" ] && [ "$code" -gt 128 ]; then code=75; fi

job="${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
again() {
    if [ -e "$cancelled" ]; then return; fi
    if [ "${SLURM_RESTART_COUNT:-0}" -ge "$1" ]; then
        echo "v1reel: job $job was requeued ${SLURM_RESTART_COUNT:-0} times; not again" >&2
        return
    fi
    echo "v1reel: job $job goes back into the queue (exit code $code)" >&2
    scontrol requeue "$job"
}
if [ "$code" = 75 ]; then
    # Slurm itself requeues what it preempts, and what somebody cancelled is to stay so.
    case "$(scontrol show job "$job" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p')" in
    RUNNING | PREEMPTED | '') again "$requeues" ;;
    esac
elif [ "$code" -gt 128 ]; then
    again "$retries"
fi
exit "$code"
"#;

/// Writes the script of an array.
pub fn script(array: &Array, cluster: &ClusterConfig, places: &Places<'_>) -> String {
    let mut text = String::from("#!/bin/bash\n");
    for option in options(array, cluster, places) {
        text += &format!("#SBATCH {option}\n");
    }
    text += HEAD;
    for line in &cluster.setup {
        text += &format!("{line}\n");
    }
    for (name, value) in [
        ("program", places.program.to_string()),
        ("settings", places.settings.display().to_string()),
        ("list", places.list.display().to_string()),
        ("cancelled", places.cancelled.display().to_string()),
        ("requeues", cluster.requeues.to_string()),
        ("retries", cluster.retries.to_string()),
    ] {
        text += &format!("{name}={}\n", quoted(&value));
    }
    let container = cluster.container.as_ref().map(|container| format!("{container} ")).unwrap_or_default();
    let arguments: String =
        places.arguments.iter().map(|argument| format!(" {}", quoted(argument))).collect();
    text += &format!(
        "{container}\"$program\" task \"$settings\" --list \"$list\" --element \"$SLURM_ARRAY_TASK_ID\" \
         --threads {}{arguments} &",
        array.cores
    );
    text + BODY
}

fn options(array: &Array, cluster: &ClusterConfig, places: &Places<'_>) -> Vec<String> {
    let at_once = if cluster.at_once > 0 { format!("%{}", cluster.at_once) } else { String::new() };
    let stage = array.stage.name();
    // Time to finish the step in work and to save it.
    let ahead = (array.minutes * 60 / 5).clamp(10, 120);
    let mut options = vec![
        format!("--job-name={}", quoted(&format!("v1reel-{}-{stage}", places.run))),
        format!("--array=0-{}{at_once}", array.elements.len().saturating_sub(1)),
        "--ntasks=1".into(),
        format!("--cpus-per-task={}", array.cores),
        format!("--mem={}M", array.memory_mib),
        format!("--time={}", array.minutes),
        "--requeue".into(),
        "--open-mode=append".into(),
        // One for a stage and a node: thousands of jobs would make thousands of files.
        format!("--output={}", quoted(&format!("{}/{stage}-%N.log", places.logs.display()))),
        format!("--signal=B:USR1@{ahead}"),
    ];
    if array.gpus > 0 {
        options.push(format!("--gres=gpu:{}", array.gpus));
    }
    for (name, value) in
        [("partition", &cluster.partition), ("account", &cluster.account), ("qos", &cluster.qos)]
    {
        options.extend(value.as_ref().map(|value| format!("--{name}={value}")));
    }
    options.extend(cluster.options.iter().cloned());
    options
}

/// Quotes a word for the shell where it needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:%,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::task::Stage;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("/a/b-c.toml"), "/a/b-c.toml");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    fn array() -> Array {
        Array {
            stage: Stage::Movies,
            elements: vec![vec!["a".into()], vec!["b".into()]],
            waits: Vec::new(),
            cores: 2,
            gpus: 1,
            memory_mib: 900,
            minutes: 20,
        }
    }

    fn places<'a>(program: &'a str, arguments: &'a [String]) -> Places<'a> {
        Places {
            run: "first",
            program,
            settings: Path::new("/runs/a b/s.toml"),
            list: Path::new("/runs/list.json"),
            cancelled: Path::new("/nowhere/cancelled"),
            logs: Path::new("/runs/logs"),
            arguments,
        }
    }

    #[test]
    fn a_script_asks_for_what_the_settings_say() {
        let cluster = ClusterConfig {
            at_once: 8,
            partition: Some("gpu".into()),
            container: Some("apptainer exec v.sif".into()),
            setup: vec!["module load x".into()],
            options: vec!["--constraint=avx512".into()],
            ..ClusterConfig::default()
        };
        let text = script(&array(), &cluster, &places("/bin/v1reel", &["--memory".into(), "1G".into()]));
        for line in [
            "#SBATCH --job-name=v1reel-first-movies",
            "#SBATCH --array=0-1%8",
            "#SBATCH --cpus-per-task=2",
            "#SBATCH --mem=900M",
            "#SBATCH --time=20",
            "#SBATCH --requeue",
            "#SBATCH --open-mode=append",
            "#SBATCH --output=/runs/logs/movies-%N.log",
            "#SBATCH --signal=B:USR1@120",
            "#SBATCH --gres=gpu:1",
            "#SBATCH --partition=gpu",
            "#SBATCH --constraint=avx512",
            "module load x",
            "settings='/runs/a b/s.toml'",
            "apptainer exec v.sif \"$program\" task \"$settings\" --list \"$list\" --element \
             \"$SLURM_ARRAY_TASK_ID\" --threads 2 --memory 1G &",
        ] {
            assert!(text.lines().any(|found| found == line), "no line {line} in\n{text}");
        }
    }

    /// Runs a script with a program of shell and a queue that writes down what it is asked; returns the exit code and
    /// what was asked.
    fn play(program: &str, state: &str, restarts: &str, signal: Option<&str>) -> (Option<i32>, String) {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: String| {
            std::fs::write(at(name), text).unwrap();
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        let asked = at("asked");
        write("program", format!("#!/bin/bash\n{program}\n"));
        write(
            "scontrol",
            format!(
                "#!/bin/bash\nif [ \"$1\" = show ]; then echo '   JobState={state} Reason=None'; \
                 else echo \"$@\" >>'{}'; fi\n",
                asked.display()
            ),
        );
        let name = at("program").display().to_string();
        let text = script(&array(), &ClusterConfig::default(), &places(&name, &[]));
        write("script", text);
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let mut child = std::process::Command::new(at("script"))
            .env("PATH", path)
            .envs([
                ("SLURM_ARRAY_TASK_ID", "1"),
                ("SLURM_ARRAY_JOB_ID", "77"),
                ("SLURM_RESTART_COUNT", restarts),
            ])
            .stderr(std::process::Stdio::null())
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        if let Some(signal) = signal {
            while !at("ready").exists() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            let kill =
                std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
            assert!(kill.unwrap().success());
        }
        let code = child.wait().unwrap().code();
        (code, std::fs::read_to_string(asked).unwrap_or_default())
    }

    #[test]
    fn a_job_whose_time_is_over_goes_back_into_the_queue_and_a_cancelled_one_does_not() {
        let saves = "trap 'exit 75' USR1 TERM; : >ready; while :; do sleep 0.02; done";
        let requeued = (Some(75), "requeue 77_1\n".to_string());
        assert_eq!(play(saves, "RUNNING", "0", Some("USR1")), requeued);
        assert_eq!(play(saves, "RUNNING", "3", Some("TERM")), requeued);
        assert_eq!(play(saves, "CANCELLED", "0", Some("TERM")), (Some(75), String::new()));
        assert_eq!(play(saves, "RUNNING", "20", Some("USR1")), (Some(75), String::new()));
    }

    #[test]
    fn a_program_that_was_killed_is_tried_again_and_one_that_failed_is_not() {
        assert_eq!(play("kill -9 $$", "RUNNING", "1", None), (Some(137), "requeue 77_1\n".into()));
        assert_eq!(play("kill -9 $$", "RUNNING", "2", None), (Some(137), String::new()));
        assert_eq!(play("exit 1", "RUNNING", "0", None), (Some(1), String::new()));
        assert_eq!(play("exit 0", "RUNNING", "0", None), (Some(0), String::new()));
    }
}
