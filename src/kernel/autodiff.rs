//! Hangs the hand-written gradients into burn's autodiff graph.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend};

use super::convolved::Shape;
use super::expand::Sizes;
use super::join::JoinSizes;
use super::norm::Running;
use super::read::ReadSizes;
use super::{KernelGradients, KernelOps};

/// A differentiable operator: runs `forward` on the inner tensors, takes its output, and keeps `state`
/// for the gradient.
macro_rules! tracked {
    ($op:expr, $nodes:expr, $output:expr, $state:expr) => {
        match $op.prepare::<C>($nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish($state, $output),
            OpsKind::UnTracked(prep) => prep.finish($output),
        }
    };
}

/// Hands gradients to the parents that want them.
macro_rules! register {
    ($parents:expr, $gradients:expr, $grads:expr) => {
        for (node, gradient) in $parents.into_iter().zip($gradients) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                $grads.register::<B>(node.id, gradient);
            }
        }
    };
}

/// Says which gradients are wanted: to the first parent, and to the two others, which come together.
fn need<Node>([x, first, second]: &[Option<Node>; 3]) -> [bool; 2] {
    [x.is_some(), first.is_some() || second.is_some()]
}

/// One gradient for each parent, of those that [`need`] asked for.
fn apart<G>((to_x, together): (Option<G>, Option<[G; 2]>)) -> [Option<G>; 3] {
    let [first, second] = together.map_or([None, None], |found| found.map(Some));
    [to_x, first, second]
}

#[derive(Debug)]
struct ChannelMoments;

impl<B: KernelOps + KernelGradients> Backward<B, 1> for ChannelMoments {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (x, moments) = ops.state;
        register!(ops.parents, [Some(B::channel_moments_backward(x, moments, grad))], grads);
    }
}

#[derive(Debug)]
struct Affine;

impl<B: KernelOps + KernelGradients> Backward<B, 3> for Affine {
    type State = ([FloatTensor<B>; 3], bool);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, silu) = ops.state;
        let found = B::affine_backward(inputs, silu, grad, need(&ops.parents));
        register!(ops.parents, apart(found), grads);
    }
}

#[derive(Debug)]
struct Expand;

impl<B: KernelOps + KernelGradients> Backward<B, 5> for Expand {
    type State = ([FloatTensor<B>; 6], [FloatTensor<B>; 4], bool, Sizes);

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, outputs, batch, sizes) = ops.state;
        let to_x = ops.parents[0].is_some();
        let found = B::expand_backward(inputs, outputs, batch, sizes, grad, to_x);
        register!(ops.parents, found, grads);
    }
}

#[derive(Debug)]
struct Temporal;

impl<B: KernelOps + KernelGradients> Backward<B, 4> for Temporal {
    type State = ([FloatTensor<B>; 4], FloatTensor<B>, Running, Shape);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, output, running, shape) = ops.state;
        let found = B::temporal_backward(inputs, output, running, shape, grad);
        register!(ops.parents, found.map(Some), grads);
    }
}

#[derive(Debug)]
struct Project;

impl<B: KernelOps + KernelGradients> Backward<B, 8> for Project {
    type State = ([FloatTensor<B>; 8], [FloatTensor<B>; 2], Running, Shape);

    fn backward(self, ops: Ops<Self::State, 8>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, kept, running, shape) = ops.state;
        let found = B::project_backward(inputs, kept, running, shape, grad);
        register!(ops.parents, found.map(Some), grads);
    }
}

#[derive(Debug)]
struct Join;

impl<B: KernelOps + KernelGradients> Backward<B, 6> for Join {
    type State = ([FloatTensor<B>; 7], [FloatTensor<B>; 2], Vec<f32>, [Running; 2], JoinSizes);

    fn backward(self, ops: Ops<Self::State, 6>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, moments, kept, running, sizes) = ops.state;
        let found = B::join_backward(inputs, moments, kept, running, sizes, grad);
        register!(ops.parents, found.map(Some), grads);
    }
}

#[derive(Debug)]
struct ReadAt;

impl<B: KernelOps + KernelGradients> Backward<B, 3> for ReadAt {
    type State = ([FloatTensor<B>; 3], ReadSizes);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, sizes) = ops.state;
        let found = B::read_at_backward(inputs, sizes, grad, need(&ops.parents));
        register!(ops.parents, apart(found), grads);
    }
}

impl<B: Backend + KernelOps + KernelGradients, C: CheckpointStrategy> KernelOps for Autodiff<B, C> {
    fn channel_moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let x = x.into_primitive();
        let moments = B::channel_moments(x.clone());
        tracked!(ChannelMoments, nodes, moments, (x, moments.clone()))
    }

    fn affine(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        silu: bool,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), scale.node(), shift.node()];
        let [x, scale, shift] = [x, scale, shift].map(|t| t.into_primitive());
        let out = B::affine(x.clone(), scale.clone(), shift.clone(), silu);
        tracked!(Affine, nodes, out, ([x, scale, shift], silu))
    }

    fn expand(
        x: FloatTensor<Self>,
        positions: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        running: Running,
        sizes: Sizes,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), weight.node(), gamma.node(), beta.node(), kernel.node()];
        let inputs = [x, positions, weight, gamma, beta, kernel].map(|t| t.into_primitive());
        let batch = running.is_none();
        let [x, positions, weight, gamma, beta, kernel] = inputs.clone();
        let (out, moments, center, slopes) =
            B::expand(x, positions, weight, gamma, beta, kernel, running, sizes);
        let outputs = [out.clone(), moments.clone(), center.clone(), slopes.clone()];
        let out = tracked!(Expand, nodes, out, (inputs, outputs, batch, sizes));
        (out, Self::from_inner(moments), Self::from_inner(center), Self::from_inner(slopes))
    }

    fn temporal(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        running: Running,
        shape: Shape,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node(), kernel.node()];
        let inputs = [x, gamma, beta, kernel].map(|t| t.into_primitive());
        let [x, gamma, beta, kernel] = inputs.clone();
        let out = B::temporal(x, gamma, beta, kernel, running.clone(), shape);
        tracked!(Temporal, nodes, out, (inputs, out.clone(), running, shape))
    }

    fn project(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        reduce: FloatTensor<Self>,
        reduce_bias: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        running: Running,
        shape: Shape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = [x, gamma, beta, reduce, reduce_bias, expand, expand_bias, weight];
        let nodes = inputs.each_ref().map(|t| t.node());
        let inputs = inputs.map(|t| t.into_primitive());
        let [x, gamma, beta, reduce, reduce_bias, expand, expand_bias, weight] = inputs.clone();
        let (out, means, scales) = B::project(
            x,
            gamma,
            beta,
            reduce,
            reduce_bias,
            expand,
            expand_bias,
            weight,
            running.clone(),
            shape,
        );
        let kept = [means.clone(), scales.clone()];
        let out = tracked!(Project, nodes, out, (inputs, kept, running, shape));
        (out, Self::from_inner(means), Self::from_inner(scales))
    }

    fn join(
        y: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        shortcut_gamma: FloatTensor<Self>,
        shortcut_beta: FloatTensor<Self>,
        positions: FloatTensor<Self>,
        kept: Vec<f32>,
        running: [Running; 2],
        sizes: JoinSizes,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [&y, &x, &gamma, &beta, &shortcut_gamma, &shortcut_beta].map(|t| t.node());
        let inputs = [y, x, gamma, beta, shortcut_gamma, shortcut_beta, positions];
        let inputs = inputs.map(|t| t.into_primitive());
        let [y, x, gamma, beta, shortcut_gamma, shortcut_beta, positions] = inputs.clone();
        let (out, path, around) = B::join(
            y,
            x,
            gamma,
            beta,
            shortcut_gamma,
            shortcut_beta,
            positions,
            kept.clone(),
            running.clone(),
            sizes,
        );
        let moments = [path.clone(), around.clone()];
        let out = tracked!(Join, nodes, out, (inputs, moments, kept, running, sizes));
        (out, Self::from_inner(path), Self::from_inner(around))
    }

    fn read_at(
        x: FloatTensor<Self>,
        positions: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        sizes: ReadSizes,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), positions.node(), weight.node()];
        let inputs = [x, positions, weight].map(|t| t.into_primitive());
        let [x, positions, weight] = inputs.clone();
        let out = B::read_at(x, positions, weight, sizes);
        tracked!(ReadAt, nodes, out, (inputs, sizes))
    }
}
