% Plots the frame-by-frame correlation of one trial, and a frame of truth and reconstruction.
% Make the file first: v1reel export runs/demo --to h5
% Checked against MATLAB's documentation, not run by the tests.
file = 'runs/demo/export/h5/demo.h5';
info = h5info(file);
mouse = info.Groups(1);                 % groups are mouse, trial, condition
trial = mouse.Groups(1).Name;           % such as /simulated/trial_0
truth = h5read(file, [trial '/ground_truth']);      % width x height x frame: MATLAB reverses the axes
movie = h5read(file, [trial '/recorded/movie']);
time = h5read(file, [trial '/time_s']);
r = h5read(file, [trial '/recorded/frame_correlation']);
rate = h5readatt(file, trial, 'frame_rate_hz');
subplot(2, 2, 1); imagesc(truth(:, :, 100)', [0 255]); axis image; title('ground truth');
subplot(2, 2, 2); imagesc(movie(:, :, 100)', [0 255]); axis image; title('reconstruction');
colormap gray;
subplot(2, 2, [3 4]); plot(time, r); xlabel('time (s)'); ylabel('frame correlation');
title(sprintf('%s at %g frames a second', trial, rate), 'Interpreter', 'none');
