//! proto
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, concatenate, s};
use rand::Rng;
use v1reel::data::format::npy_array::NpyArray;
use v1reel::data::input::{Geometry, Padding};
use v1reel::data::{ClipConfig, Mouse, TrialId};
use v1reel::metric::{correlation::pixel_correlation, filter::gaussian_filter};
use v1reel::model::{Clip, Encoder, Runtime, checkpoint::Checkpoint, loss};
use v1reel::reconstruct::{Population, Problem};

fn opt<T: std::str::FromStr>(spec: &str, key: &str, default: T) -> T {
    spec.split(',')
        .find_map(|p| p.strip_prefix(&format!("{key}=")))
        .and_then(|v| v.parse().ok())
        .unwrap_or(default)
}
fn npy2(path: &str) -> Array2<f32> {
    let a = NpyArray::open(std::path::Path::new(path)).unwrap();
    let [h, w] = a.shape_of::<2>("a, b").unwrap();
    Array2::from_shape_fn((h, w), |(y, x)| a.at(y, x))
}
fn npy_movie(path: &str) -> Array3<f32> {
    // saved as [T, h*w]
    let a = npy2(path);
    let (t, _) = a.dim();
    a.into_shape_with_order((t, 12, 20)).unwrap()
}
fn precondition(g: &Array3<f32>, ct: &Array2<f32>, cs: &Array2<f32>) -> Array3<f32> {
    let (t, h, w) = g.dim();
    let flat = g.to_shape((t, h * w)).unwrap().to_owned();
    let c = ct.slice(s![..t, ..t]);
    c.dot(&flat).dot(cs).into_shape_with_order((t, h, w)).unwrap()
}
fn main() {
    let mut args = std::env::args().skip(1);
    let members: usize = args.next().unwrap().parse().unwrap();
    let trials: Vec<u32> = args.next().unwrap().split(',').map(|t| t.parse().unwrap()).collect();
    let runtime = Runtime::new(v1reel::device::DeviceChoice::default().open().unwrap(), 2_000_000_000);
    let encoders: Vec<Encoder> = (0..members)
        .map(|k| {
            Encoder::load(
                Checkpoint::read(std::path::Path::new(&format!(
                    "/work/main/models/demo/member_{k}.safetensors"
                )))
                .unwrap(),
                &runtime,
            )
            .unwrap()
        })
        .collect();
    let mouse = Mouse::open("/tmp/q/tune/simulated").unwrap();
    let geometry = Geometry::new(mouse.frame_size, [12, 20], Padding::Center).unwrap();
    let _ = geometry;
    for spec in args {
        let time = std::time::Instant::now();
        let iterations = opt(&spec, "n", 20usize);
        let mut curves: Vec<Vec<f64>> = Vec::new();
        let mut heldc: Vec<Vec<f64>> = Vec::new();
        let mut finals = Vec::new();
        for &id in &trials {
            let trial = mouse.read_trial(TrialId(id)).unwrap();
            let rows = [trial.behavior.view(), trial.pupil_center.view()];
            let n = trial.responses.nrows();
            let hold = opt(&spec, "hold", 0usize);
            let population = if hold > 0 {
                Population::only((0..n).map(|i| i % hold != 0).collect())
            } else {
                Population::all()
            };
            let mut problem = Problem {
                mouse: 0,
                behavior: concatenate(Axis(0), &rows).unwrap(),
                responses: trial.responses.clone(),
                population,
                clip: ClipConfig::default(),
                stride: opt(&spec, "stride", 24usize),
            };
            let rs = opt(&spec, "rs", 0.0f64);
            if rs > 0.0 {
                let r3 = problem.responses.clone().insert_axis(Axis(2));
                // [neuron, frame,1] -> smooth along frames
                let sm =
                    gaussian_filter(r3.permuted_axes([1, 0, 2]).as_standard_layout().view(), [rs, 0.0, 0.0]);
                problem.responses = sm.index_axis(Axis(2), 0).t().to_owned();
            }
            let frames = problem.responses.ncols();
            let mut movie = Array3::from_elem((frames, 12, 20), 127.5f32);
            let ws = opt(&spec, "warm", 0.0f64);
            if ws > 0.0 {
                let start = npy_movie(&format!("/tmp/q/tune/start2_{id}.npy"));
                let start = gaussian_filter(
                    start.view(),
                    [opt(&spec, "wt", 2.0), opt(&spec, "wp", 0.7), opt(&spec, "wp", 0.7)],
                );
                movie.zip_mut_with(&start, |m, s| *m += (ws as f32) * (s - 127.5));
                movie.mapv_inplace(|v| v.clamp(0.0, 255.0));
            }
            let beta = opt(&spec, "beta", 0.9f64);
            let lr = opt(&spec, "lr", 320000.0f64);
            let (g0t, g0p) =
                (opt(&spec, "t0", opt(&spec, "t", 3.0f64)), opt(&spec, "p0", opt(&spec, "p", 0.7f64)));
            let (g1t, g1p) = (opt(&spec, "t", 3.0f64), opt(&spec, "p", 0.7f64));
            let a = opt(&spec, "c", String::new());
            let cov = (!a.is_empty()).then(|| {
                (npy2(&format!("/tmp/q/tune/Ct_{a}.npy")), npy2(&format!("/tmp/q/tune/Cs_{a}.npy")))
            });
            let adam = opt(&spec, "adam", 0.0f64);
            let mut momentum = Array3::<f32>::zeros(movie.raw_dim());
            let mut second = Array3::<f32>::zeros(movie.raw_dim());
            let polyak = opt(&spec, "avg", 0usize);
            let mut average = Array3::<f32>::zeros(movie.raw_dim());
            let mut rng = v1reel::seed::stream("proto", "offsets", &[&id.to_string()]);
            let base_stride = problem.stride;
            let (ft, fp) = (opt(&spec, "ft", 4.0f64), opt(&spec, "fp", 1.0f64));
            let mask = Array2::from_elem((12, 20), true);
            let score = |movie: &Array3<f32>| {
                let shown = gaussian_filter(movie.slice(s![30.., .., ..]), [ft, fp, fp]);
                pixel_correlation(trial.movie.slice(s![30..frames, .., ..]), shown.view(), mask.view())
            };
            let mut curve = Vec::new();
            let mut hc = Vec::new();
            for i in 0..iterations {
                if opt(&spec, "jit", 0) > 0 {
                    problem.stride = base_stride - rng.random_range(0..=4usize);
                }
                let mut g = Array3::<f32>::zeros(movie.raw_dim());
                let mut pred = Array2::<f32>::zeros(problem.responses.t().raw_dim());
                let mut count = 0;
                let one = opt(&spec, "one", 0usize);
                for (k, e) in encoders.iter().enumerate() {
                    if one > 0 && (k + i) % (members / one).max(1) != 0 {
                        continue;
                    }
                    let f = problem.gradient(e, movie.view()).unwrap();
                    g += &f.gradient;
                    pred += &f.predicted;
                    count += 1;
                }
                g /= count as f32;
                pred /= count as f32;
                hc.push(problem.population.left_out_correlation(pred.t(), problem.responses.view()));
                let x = if iterations > 1 { i as f64 / (iterations - 1) as f64 } else { 1.0 };
                let sig = [g0t * (g1t / g0t).powf(x), g0p * (g1p / g0p).powf(x)];
                g = if let Some((ct, cs)) = &cov {
                    precondition(&g, ct, cs)
                } else {
                    gaussian_filter(g.view(), [sig[0], sig[1], sig[1]])
                };
                if i > 0 {
                    let steps = i as i32 + 1;
                    let wu = opt(&spec, "wu", 2.0f64);
                    let warm = if wu > 0.0 { (i as f64 / wu).min(1.0) } else { 1.0 };
                    let corr = 1.0 - beta.powi(steps);
                    let decay = 1.0 + (opt(&spec, "decay", 1.0f64) - 1.0) * x;
                    let (b, nb) = (beta as f32, (1.0 - beta) as f32);
                    momentum.zip_mut_with(&g, |m, g| *m = b * *m + nb * g.clamp(-1.0, 1.0));
                    if adam > 0.0 {
                        // one scale for whole movie: rms of the bias-corrected momentum
                        let rms = (momentum.iter().map(|m| f64::from(m * m)).sum::<f64>()
                            / momentum.len() as f64)
                            .sqrt();
                        let rate = (adam * warm * decay / rms.max(1e-12)) as f32;
                        movie.zip_mut_with(&momentum, |p, m| *p = (*p - rate * m).clamp(0.0, 255.0));
                    } else if opt(&spec, "padam", 0.0f64) > 0.0 {
                        let b2 = opt(&spec, "b2", 0.99f64);
                        second.zip_mut_with(&g, |s, g| *s = b2 as f32 * *s + (1.0 - b2) as f32 * g * g);
                        let c2 = 1.0 - b2.powi(i as i32);
                        let rate =
                            (opt(&spec, "padam", 0.0f64) * warm * decay / (1.0 - beta.powi(i as i32))) as f32;
                        let mean2 = second.mean().unwrap();
                        ndarray::Zip::from(&mut movie).and(&momentum).and(&second).for_each(|p, m, s| {
                            *p = (*p - rate * m / (((s + 0.1 * mean2) / c2 as f32).sqrt() + 1e-20))
                                .clamp(0.0, 255.0)
                        });
                    } else {
                        let rate =
                            (lr * warm * decay * (1.0 - 0.999f64.powi(steps)).sqrt() / corr / corr) as f32;
                        movie.zip_mut_with(&momentum, |p, m| *p = (*p - rate * m).clamp(0.0, 255.0));
                    }
                }
                curve.push(score(&movie));
                if i + polyak >= iterations {
                    average += &movie;
                }
            }
            if polyak > 0 {
                average /= polyak as f32;
                curve.push(score(&average));
                movie = average;
            }
            let mut best = (0.0, 0.0, 0.0);
            for ft in [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0] {
                for fp in [0.3, 0.5, 0.7, 1.0, 1.3] {
                    let shown = gaussian_filter(movie.slice(s![30.., .., ..]), [ft, fp, fp]);
                    let r = pixel_correlation(
                        trial.movie.slice(s![30..frames, .., ..]),
                        shown.view(),
                        mask.view(),
                    );
                    if r > best.0 {
                        best = (r, ft, fp);
                    }
                }
            }
            finals.push(best);
            curves.push(curve);
            heldc.push(hc);
        }
        let len = curves[0].len();
        let mean: Array1<f64> =
            (0..len).map(|i| curves.iter().map(|c| c[i]).sum::<f64>() / curves.len() as f64).collect();
        let hmean: Vec<f64> =
            (0..iterations).map(|i| heldc.iter().map(|c| c[i]).sum::<f64>() / heldc.len() as f64).collect();
        let pick: Vec<usize> = (0..len).filter(|i| i % (len / 10).max(1) == 0 || i + 1 == len).collect();
        println!(
            "{spec}: last {:.4} best {:.4} | {} | each {:?} | filt {:?} | {:.1}s",
            mean[len - 1],
            mean.iter().copied().fold(0.0, f64::max),
            pick.iter().map(|&i| format!("{i}:{:.3}", mean[i])).collect::<Vec<_>>().join(" "),
            curves.iter().map(|c| (c[len - 1] * 1000.0).round() / 1000.0).collect::<Vec<_>>(),
            finals.iter().map(|f| format!("{:.3}@{},{}", f.0, f.1, f.2)).collect::<Vec<_>>(),
            time.elapsed().as_secs_f64()
        );
        if opt(&spec, "hold", 0usize) > 0 {
            println!(
                "   held {}",
                pick.iter()
                    .filter(|&&i| i < iterations)
                    .map(|&i| format!("{i}:{:.4}", hmean[i]))
                    .collect::<Vec<_>>()
                    .join(" ")
            );
        }
    }
    let _: Option<(Clip, ArrayView2<f32>)> = None;
    let _ = loss::poisson_of(1.0, 1.0);
}
