//! Hangs the hand-written gradients into burn's autodiff graph.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

use super::{KernelGradients, KernelOps};

/// A differentiable operator: runs `forward` on the inner tensors and keeps `state` for the gradient.
macro_rules! tracked {
    ($op:expr, [$($parent:ident),+], $state:expr, $forward:expr) => {{
        let nodes = [$($parent.node()),+];
        $(let $parent = $parent.into_primitive();)+
        match $op.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = $state;
                prep.finish(state, $forward)
            }
            OpsKind::UnTracked(prep) => prep.finish($forward),
        }
    }};
}

#[derive(Debug)]
struct ChannelMoments;

impl<B: KernelOps + KernelGradients> Backward<B, 1> for ChannelMoments {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (x, moments) = ops.state;
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::channel_moments_backward(x, moments, grad));
        }
    }
}

#[derive(Debug)]
struct Affine;

impl<B: KernelOps + KernelGradients> Backward<B, 3> for Affine {
    type State = ([FloatTensor<B>; 3], bool);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, scale, shift] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, silu) = ops.state;
        let need = [x.is_some(), scale.is_some() || shift.is_some()];
        let (to_x, to_parameters) = B::affine_backward(inputs, silu, grad, need);
        if let (Some(node), Some(gradient)) = (x, to_x) {
            grads.register::<B>(node.id, gradient);
        }
        if let Some([to_scale, to_shift]) = to_parameters {
            if let Some(node) = scale {
                grads.register::<B>(node.id, to_scale);
            }
            if let Some(node) = shift {
                grads.register::<B>(node.id, to_shift);
            }
        }
    }
}

#[derive(Debug)]
struct DepthwiseSpatial;

impl<B: KernelOps + KernelGradients> Backward<B, 2> for DepthwiseSpatial {
    type State = ([FloatTensor<B>; 2], usize);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, stride) = ops.state;
        let need = ops.parents.each_ref().map(Option::is_some);
        let found = B::depthwise_spatial_backward(inputs, stride, grad, need);
        for (node, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct DepthwiseTemporal;

impl<B: KernelOps + KernelGradients> Backward<B, 2> for DepthwiseTemporal {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let need = ops.parents.each_ref().map(Option::is_some);
        let found = B::depthwise_temporal_backward(ops.state, grad, need);
        for (node, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: Backend + KernelOps + KernelGradients, C: CheckpointStrategy> KernelOps for Autodiff<B, C> {
    fn channel_moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let x = x.into_primitive();
        let moments = B::channel_moments(x.clone());
        match ChannelMoments.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, moments.clone()), moments),
            OpsKind::UnTracked(prep) => prep.finish(moments),
        }
    }

    fn affine(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        silu: bool,
    ) -> FloatTensor<Self> {
        tracked!(
            Affine,
            [x, scale, shift],
            ([x.clone(), scale.clone(), shift.clone()], silu),
            B::affine(x, scale, shift, silu)
        )
    }

    fn depthwise_spatial(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
    ) -> FloatTensor<Self> {
        tracked!(
            DepthwiseSpatial,
            [x, weight],
            ([x.clone(), weight.clone()], stride),
            B::depthwise_spatial(x, weight, stride)
        )
    }

    fn depthwise_temporal(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        tracked!(
            DepthwiseTemporal,
            [x, weight],
            [x.clone(), weight.clone()],
            B::depthwise_temporal(x, weight)
        )
    }
}
