use super::*;
fn png(path: &str, w: usize, h: usize, data: Vec<u8>) {
    image::GrayImage::from_raw(w as u32, h as u32, data).unwrap().save(path).unwrap();
}
fn stats(v: &[f64]) -> String {
    let mut v = v.to_vec();
    v.sort_by(f64::total_cmp);
    let q = |p: f64| v[(p * (v.len() - 1) as f64) as usize];
    format!(
        "p5 {:.3} p25 {:.3} med {:.3} p75 {:.3} p95 {:.3} mean {:.3}",
        q(0.05),
        q(0.25),
        q(0.5),
        q(0.75),
        q(0.95),
        v.iter().sum::<f64>() / v.len() as f64
    )
}
#[test]
fn scratch_look() {
    let mut config = SimulationConfig { neurons: 400, trials: 30, ..Default::default() };
    if let Ok(f) = std::env::var("SCRATCH_VIDEO") {
        config.movie_source = MovieSource::Files(f.split(',').map(Into::into).collect());
    }
    let t = std::time::Instant::now();
    let sim = Simulator::new(&config).unwrap();
    println!("setup {:?}", t.elapsed());
    let t = std::time::Instant::now();
    for k in 0..5 {
        sim.movies.draw(&mut seed::stream("x", "y", &[&k.to_string()]), 300);
    }
    println!("movie {:?}", t.elapsed() / 5);
    let t = std::time::Instant::now();
    let trials: Vec<_> = (0..config.trials).map(|k| sim.trial(k)).collect();
    println!("30 trials {:?}", t.elapsed());
    // frames: 6 trials x 8 frames, each 3x
    for part in 0..2 {
        let (s, gap) = (3usize, 2usize);
        let (rows, cols) = (6, 8);
        let (w, h) = (cols * (64 * s + gap), rows * (36 * s + gap));
        let mut img = vec![0u8; w * h];
        for r in 0..rows {
            for c in 0..cols {
                let f = if part == 0 { c * 40 } else { 30 + c * 5 };
                for y in 0..36 * s {
                    for x in 0..64 * s {
                        img[(r * (36 * s + gap) + y) * w + c * (64 * s + gap) + x] =
                            trials[r].0.movie[[f, y / s, x / s]] as u8;
                    }
                }
            }
        }
        png(&format!("/tmp/sim_frames{part}.png"), w, h, img);
    }
    // raster: 100 neurons of trial 0..2
    let mut img = vec![0u8; 900 * 400];
    for n in 0..200 {
        for k in 0..3 {
            let e = &trials[k].1;
            let r = &trials[k].0.responses;
            let m = r.row(n).iter().copied().fold(1.0, f32::max);
            for f in 0..300 {
                img[(2 * n) * 900 + k * 300 + f] = (255.0 * r[[n, f]] / m).min(255.0) as u8;
                img[(2 * n + 1) * 900 + k * 300 + f] = (255.0 * e[[n, f]] / m).min(255.0) as u8;
            }
        }
    }
    png("/tmp/sim_raster.png", 900, 400, img);
    let (mut mean, mut sd, mut max, mut med, mut corr, mut sig, mut bias) =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    for n in 0..config.neurons {
        let mut a: Vec<f64> =
            trials.iter().flat_map(|t| t.0.responses.row(n).to_vec()).map(f64::from).collect();
        let e: Vec<f64> = trials.iter().flat_map(|t| t.1.row(n).to_vec()).map(f64::from).collect();
        let m = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let (ma, me) = (m(&a), m(&e));
        let cov = a.iter().zip(&e).map(|(x, y)| (x - ma) * (y - me)).sum::<f64>();
        let va = a.iter().map(|x| (x - ma).powi(2)).sum::<f64>();
        let ve = e.iter().map(|x| (x - me).powi(2)).sum::<f64>();
        let len = a.len() as f64;
        mean.push(ma);
        sd.push((va / len).sqrt());
        max.push(a.iter().copied().fold(0.0, f64::max));
        corr.push(cov / (va * ve).sqrt());
        sig.push((ve / len).sqrt() / me);
        bias.push(ma / me);
        a.sort_by(f64::total_cmp);
        med.push(a[a.len() / 2]);
    }
    println!(
        "mean {}\nsd   {}\nmax  {}\nmed  {}\ncorr {}\nsigcv {}\nratio {}",
        stats(&mean),
        stats(&sd),
        stats(&max),
        stats(&med),
        stats(&corr),
        stats(&sig),
        stats(&bias)
    );
    let nz = trials[0].0.responses.iter().filter(|&&v| v > 0.0).count() as f64
        / trials[0].0.responses.len() as f64;
    println!("nonzero {nz}");
    let mv: Vec<f64> =
        trials.iter().flat_map(|t| t.0.movie.iter().map(|&v| v as f64).collect::<Vec<_>>()).collect();
    let mm = mv.iter().sum::<f64>() / mv.len() as f64;
    println!("movie {mm} {}", (mv.iter().map(|v| (v - mm).powi(2)).sum::<f64>() / mv.len() as f64).sqrt());
}
