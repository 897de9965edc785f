"""The evidence lower bound of a conjugate model, in one formula."""


def evidence_bound(prior, summary, posterior):
    """Evidence lower bound in nats, valid at any moment.

    In natural coordinates, with S the summary's statistics and h its entropy,

        h + A(q) - A(p) + <m(q), p + S - q>  =  h + <m(q), S> - KL(q || p).

    Right after a local step it is the sum of the rows' bounds less the divergence; right after a global
    step the inner product on the left vanishes.

    Parameters
    ----------
    prior, posterior : Joint
    summary : Summary
    """
    return summary.entropy + sum(
        [factor.gain(prior[name], summary.statistics[name]) for name, factor in posterior.items()]
    )
